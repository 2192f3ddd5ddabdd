import type { Timestamp } from "@keygrove/hierarchy"
import type { CallOptions } from "./call-options.ts"

/** Time, so that simulations own it. */
export interface Clock {
  now(): Timestamp
  /** Resolves after `durationMs`; rejects with the signal's reason when it fires first. */
  sleep(durationMs: number, options: CallOptions): Promise<void>
}
