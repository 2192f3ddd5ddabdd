import type { Timestamp } from "@keygrove/hierarchy"

/** How often something may happen: `burst` at once, `perSecond` in the long run. */
export interface Rate {
  readonly burst: number
  readonly perSecond: number
}

/** What is left of a rate at a moment. */
export interface TokenBucket {
  readonly tokens: number
  readonly at: Timestamp
}

/** Takes one token: the bucket afterwards and whether there was one. A clock that steps back refills nothing. */
export function takeToken(
  bucket: TokenBucket | undefined,
  rate: Rate,
  now: Timestamp,
): { readonly bucket: TokenBucket; readonly taken: boolean } {
  const elapsedMs = bucket === undefined ? 0 : Math.max(0, now - bucket.at)
  const filled = bucket === undefined ? rate.burst : Math.min(rate.burst, bucket.tokens + (elapsedMs * rate.perSecond) / 1_000)
  return filled >= 1 ? { bucket: { tokens: filled - 1, at: now }, taken: true } : { bucket: { tokens: filled, at: now }, taken: false }
}
