import type { Result } from "@keygrove/base"
import type { CallOptions } from "./call-options.ts"
import type { LedgerHead, LedgerIndex } from "@keygrove/ledger"

/** Consecutive encoded entries of a log. */
export interface LedgerSlice {
  /** Index of the first entry; indices start at 0. */
  readonly from: LedgerIndex
  readonly entries: readonly Uint8Array[]
}

export type AppendRefusal = "LEDGER_HEAD_MOVED" | "LEDGER_ENTRY_INVALID" | "LEDGER_UNREACHABLE" | "LEDGER_FULL" | "DISK_FULL"

/**
 * A totally ordered, durable log. Trusted for order and durability only: whoever reads it verifies every entry.
 * Engines: embedded (SQLite), follower (over a transport to an embedded one), memory (tests); one contract suite for all.
 */
export interface LedgerEngine extends AsyncDisposable {
  /** The head as this engine last knew it. */
  head(options: CallOptions): Promise<LedgerHead>
  /** Up to `limit` (≤ 256) entries from `from`; empty at the end. */
  read(from: LedgerIndex, limit: number, options: CallOptions): Promise<Result<LedgerSlice, "LEDGER_UNREACHABLE" | "LEDGER_CORRUPT">>
  /** Appends the batch (1–64 entries) whole and durably if the head is still `expected`, else refuses with `LEDGER_HEAD_MOVED`. */
  append(batch: readonly Uint8Array[], expected: LedgerHead, options: CallOptions): Promise<Result<LedgerHead, AppendRefusal>>
  /** Slices from `from` on, as they are appended, until the signal fires. */
  watch(from: LedgerIndex, options: CallOptions): AsyncIterable<LedgerSlice>
}
