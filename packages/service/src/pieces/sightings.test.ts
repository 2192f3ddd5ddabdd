import { expect, test } from "vitest"
import { Sightings } from "./sightings.ts"

const HOUR_MS = 3_600_000

test("what is seen again and again gets older by the time between", () => {
  const sightings = new Sightings()
  expect([1_000, 31_000, 91_000].map((now) => sightings.ageMs("x", now))).toEqual([0, 30_000, 90_000])
})

test("a clock that is set forward for a moment, and back, makes nothing an hour older, and nothing new", () => {
  const sightings = new Sightings()
  expect(sightings.ageMs("x", 1_000)).toBe(0)
  expect(sightings.ageMs("x", 61_000)).toBe(60_000)
  expect(sightings.ageMs("x", 61_000 + HOUR_MS)).toBe(180_000)
  expect(sightings.ageMs("x", 62_000)).toBe(180_000)
  expect(sightings.ageMs("x", 122_000)).toBe(240_000)
})

test("what was not seen in a round is new when it is seen again", () => {
  const sightings = new Sightings()
  sightings.ageMs("x", 0)
  sightings.endRound()
  sightings.endRound()
  expect(sightings.ageMs("x", 60_000)).toBe(0)
})
