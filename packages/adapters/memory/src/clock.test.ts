import { expect, test } from "vitest"
import { clockContract } from "../../../service/src/ports/clock.contract.ts"
import { SimulatedClock } from "./clock.ts"
import { seededRandom } from "./random.ts"

clockContract("simulated", () => {
  const clock = new SimulatedClock()
  return { clock, pass: (durationMs) => clock.advance(durationMs) }
})

test("the simulated clock wakes sleepers in the order of their times, then of their calls", async () => {
  const clock = new SimulatedClock()
  const { signal } = new AbortController()
  const woken: string[] = []
  const sleeps = ["20", "5", "10 first", "10 second"].map(async (name) => {
    await clock.sleep(Number.parseInt(name, 10), { signal })
    woken.push(name)
  })
  await clock.advance(40)
  await Promise.all(sleeps)
  expect(woken).toEqual(["5", "10 first", "10 second", "20"])
})

test("seeded bytes repeat with the seed only", () => {
  const [a, b, other] = [seededRandom("7"), seededRandom("7"), seededRandom("8")]
  expect([a(5), a(100)]).toEqual([b(5), b(100)])
  expect(other(32)).not.toEqual(seededRandom("7")(32))
})
