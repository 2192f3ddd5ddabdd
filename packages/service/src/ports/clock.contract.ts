import { describe, expect, test } from "vitest"
import type { Clock } from "./clock.ts"

/** How a suite gets its clocks. */
export interface ClockSubject {
  readonly clock: Clock
  /** Lets `durationMs` of the clock's time pass. */
  pass(durationMs: number): Promise<void>
}

/** The suite that every clock passes. */
export function clockContract(name: string, make: () => ClockSubject): void {
  describe(`clock: ${name}`, () => {
    test("gives whole milliseconds that do not run back", async () => {
      const { clock, pass } = make()
      const before = clock.now()
      expect(Number.isSafeInteger(before)).toBe(true)
      await pass(5)
      expect(clock.now()).toBeGreaterThanOrEqual(before + 4)
    })

    test("sleeps at least as long as asked", async () => {
      const { clock, pass } = make()
      const { signal } = new AbortController()
      const woken: number[] = []
      const start = clock.now()
      const sleeps = [20, 5, 10].map(async (durationMs) => {
        await clock.sleep(durationMs, { signal })
        // Timers of real clocks count in a finer unit than `now` shows.
        expect(clock.now() - start).toBeGreaterThanOrEqual(durationMs - 1)
        woken.push(durationMs)
      })
      await pass(40)
      await Promise.all(sleeps)
      // No order: a machine that stalls past several deadlines wakes their sleepers as its timers happen to be kept.
      expect(woken.toSorted((a, b) => a - b)).toEqual([5, 10, 20])
    })

    test("rejects with the signal's reason, before and during a sleep", async () => {
      const { clock } = make()
      await expect(clock.sleep(1, { signal: AbortSignal.abort(new Error("stopped")) })).rejects.toThrow("stopped")
      const stop = new AbortController()
      const sleeping = clock.sleep(60_000, { signal: stop.signal })
      stop.abort(new Error("woken"))
      await expect(sleeping).rejects.toThrow("woken")
    })

    test("refuses durations that are no whole, positive milliseconds or over a day", async () => {
      const { clock } = make()
      const { signal } = new AbortController()
      for (const durationMs of [-1, 0.5, Number.NaN, 86_400_001])
        await expect(clock.sleep(durationMs, { signal })).rejects.toThrow(RangeError)
    })
  })
}
