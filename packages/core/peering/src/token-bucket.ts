import type { Timestamp } from "@keygrove/hierarchy"

/** How often something may happen: `burst` at once, `perSecond` in the long run. Both whole numbers. */
export interface Rate {
  readonly burst: number
  readonly perSecond: number
}

/** What is left of a rate at a moment. */
export interface TokenBucket {
  /** Thousandths of a token, so that a millisecond's refill is a whole number: fractions would add up to a token too late. */
  readonly thousandths: number
  readonly at: Timestamp
}

const TOKEN = 1_000

/** Takes one token: the bucket afterwards and whether there was one. A clock that steps back refills nothing. */
export function takeToken(
  bucket: TokenBucket | undefined,
  rate: Rate,
  now: Timestamp,
): { readonly bucket: TokenBucket; readonly taken: boolean } {
  const elapsedMs = bucket === undefined ? 0 : Math.max(0, now - bucket.at)
  const full = rate.burst * TOKEN
  const filled = bucket === undefined ? full : Math.min(full, bucket.thousandths + elapsedMs * rate.perSecond)
  const taken = filled >= TOKEN
  return { bucket: { thousandths: taken ? filled - TOKEN : filled, at: now }, taken }
}
