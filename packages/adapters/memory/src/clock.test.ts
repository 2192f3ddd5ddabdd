import { expect, test } from "vitest"
import { clockContract } from "../../../service/src/ports/clock.contract.ts"
import { SimulatedClock } from "./clock.ts"
import { seededRandom } from "./random.ts"

clockContract("simulated", () => {
  const clock = new SimulatedClock()
  return { clock, pass: (durationMs) => clock.advance(durationMs) }
})

test("seeded bytes repeat with the seed only", () => {
  const [a, b, other] = [seededRandom("7"), seededRandom("7"), seededRandom("8")]
  expect([a(5), a(100)]).toEqual([b(5), b(100)])
  expect(other(32)).not.toEqual(seededRandom("7")(32))
})
