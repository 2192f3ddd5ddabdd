import { unwrap } from "@keygrove/base"
import { decodeTimestamp, type Timestamp } from "@keygrove/hierarchy"
import * as fc from "fast-check"
import { describe, expect, test } from "vitest"
import { takeToken, type Rate, type TokenBucket } from "./token-bucket.ts"

const at = (milliseconds: number): Timestamp => unwrap(decodeTimestamp(milliseconds))

/** Which of the attempts at these times got a token. */
function attempts(rate: Rate, times: readonly number[]): boolean[] {
  let bucket: TokenBucket | undefined
  return times.map((time) => {
    const result = takeToken(bucket, rate, at(time))
    bucket = result.bucket
    return result.taken
  })
}

/** The twin: a bucket that is refilled drop by drop, one thousandth of a token after the other. */
function naiveAttempts({ burst, perSecond }: Rate, times: readonly number[]): boolean[] {
  let drops = burst * 1_000
  let last = times[0] ?? 0
  return times.map((time) => {
    for (; last < time; last++) for (let drop = 0; drop < perSecond && drops < burst * 1_000; drop++) drops++
    last = time
    if (drops < 1_000) return false
    drops -= 1_000
    return true
  })
}

const rates = fc.record({ burst: fc.integer({ min: 0, max: 20 }), perSecond: fc.integer({ min: 0, max: 400 }) })
/** Times with steps that are mostly small, some of them back. */
const times = fc
  .array(fc.oneof({ weight: 5, arbitrary: fc.integer({ min: 0, max: 30 }) }, fc.integer({ min: -500, max: 500 })), { maxLength: 80 })
  .map((steps) => {
    let now = 100_000
    return steps.map((step) => (now += step))
  })

describe("token bucket", () => {
  test("gives a burst, then as many as trickle in", () => {
    expect(attempts({ burst: 2, perSecond: 10 }, [0, 0, 0, 99, 100, 100, 1_000, 1_000, 1_000])).toEqual([
      true,
      true,
      false,
      false,
      true,
      false,
      true,
      true,
      false,
    ])
  })

  test("adds up what milliseconds bring without losing any: ten of a tenth are one", () => {
    const everyMillisecond = Array.from({ length: 1_001 }, (_, time) => time)
    expect(attempts({ burst: 1, perSecond: 100 }, everyMillisecond).filter(Boolean)).toHaveLength(101)
  })

  test("refills nothing while the clock steps back", () => {
    expect(attempts({ burst: 1, perSecond: 1 }, [10_000, 5_000, 0, 999, 1_000])).toEqual([true, false, false, false, true])
  })

  test("decides as the naive twin does", () => {
    fc.assert(
      fc.property(rates, times, (rate, moments) => {
        expect(attempts(rate, moments)).toEqual(naiveAttempts(rate, moments))
      }),
      { numRuns: 200 },
    )
  })

  test("never gives more than the burst and what the time brought", () => {
    fc.assert(
      fc.property(rates, times, (rate, steps) => {
        const moments = steps.toSorted((a, b) => a - b)
        const given = attempts(rate, moments)
        for (const [from, start] of moments.entries())
          for (let to = from; to < moments.length; to++) {
            const taken = given.slice(from, to + 1).filter(Boolean).length
            expect(taken).toBeLessThanOrEqual(rate.burst + (((moments[to] ?? start) - start) * rate.perSecond) / 1_000)
          }
      }),
      { numRuns: 50 },
    )
  })

  test("survives a silence of any length without growing over its burst", () => {
    const far = [0, Number.MAX_SAFE_INTEGER, Number.MAX_SAFE_INTEGER, Number.MAX_SAFE_INTEGER]
    expect(attempts({ burst: 2, perSecond: 1_000 }, far)).toEqual([true, true, true, false])
  })
})
