import { setTimeout as sleep } from "node:timers/promises"
import { expect, test } from "vitest"
import { clockContract } from "../../../service/src/ports/clock.contract.ts"
import { systemClock } from "./clock.ts"
import { systemRandom } from "./random.ts"

clockContract("system", () => ({ clock: systemClock, pass: (durationMs) => sleep(durationMs) }))

test("random bytes have the length asked for, buffers of their own, and differ", () => {
  const [a, b] = [systemRandom(32), systemRandom(32)]
  expect(a.length).toBe(32)
  expect(a.buffer.byteLength).toBe(32)
  expect(a).not.toEqual(b)
  expect(systemRandom(0).length).toBe(0)
})
