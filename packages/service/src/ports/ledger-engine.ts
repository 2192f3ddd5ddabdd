import type { Result } from "@keygrove/base"
import type { CallOptions } from "./call-options.ts"
import type { LedgerHead, LedgerIndex, VerifiedEntry } from "@keygrove/ledger"

/** Consecutive encoded entries of a log. */
export interface LedgerSlice {
  /** Index of the first entry; indices start at 0. */
  readonly from: LedgerIndex
  /** Hash of the head before the first entry, 32 bytes: whoever holds another one there holds another history. */
  readonly before: Uint8Array
  readonly entries: readonly Uint8Array[]
}

export interface AppendOptions extends CallOptions {
  /** The entries of the batch, where the caller has verified them already: an engine need not do it again. */
  readonly verified?: readonly VerifiedEntry[]
}

export interface WatchOptions extends CallOptions {
  /** How many entries the caller has by now, also from elsewhere; asked before each slice, which begins no earlier. */
  readonly known?: () => LedgerIndex
}

export type AppendRefusal =
  | "LEDGER_HEAD_MOVED"
  | "LEDGER_ENTRY_INVALID"
  | "LEDGER_UNREACHABLE"
  | "LEDGER_FULL"
  | "LEDGER_CORRUPT"
  | "LEDGER_FORKED"
  | "LEDGER_MOVED"
  | "DISK_FULL"

/** `LEDGER_PRUNED`: the entry was dropped from this node's copy; `data.next` says where reading may go on. */
export type ReadRefusal = "LEDGER_UNREACHABLE" | "LEDGER_CORRUPT" | "LEDGER_PRUNED"

/** `LEDGER_PRUNED` and those of snapshots: the source has dropped what comes next, and has no snapshot that this node may start from. */
export type RefreshRefusal =
  | "LEDGER_UNREACHABLE"
  | "LEDGER_FORKED"
  | "LEDGER_CORRUPT"
  | "DISK_FULL"
  | "LEDGER_PRUNED"
  | "SNAPSHOT_INVALID"
  | "SNAPSHOT_VERSION"
  | "SNAPSHOT_SIGNER_UNKNOWN"
  | "SNAPSHOT_TOO_LARGE"

/**
 * A totally ordered, durable log. Trusted for order and durability only: whoever reads it verifies every entry.
 * Engines: embedded (SQLite), follower (over a transport to an embedded one), memory (tests); one contract suite for all.
 */
export interface LedgerEngine extends AsyncDisposable {
  /** The head as this engine last knew it. */
  head(options: CallOptions): Promise<LedgerHead>
  /** Up to `limit` (≤ 256) entries, and at most 960 KiB unless the first is longer, from `from`; empty at the end, and shorter before one that was dropped. */
  read(from: LedgerIndex, limit: number, options: CallOptions): Promise<Result<LedgerSlice, ReadRefusal>>
  /** Appends the batch (1–64 entries) whole and durably if the head is still `expected`, else refuses with `LEDGER_HEAD_MOVED`. */
  append(batch: readonly Uint8Array[], expected: LedgerHead, options: AppendOptions): Promise<Result<LedgerHead, AppendRefusal>>
  /** Learns now what is new at the source, instead of waiting to be told; an engine that is the source has nothing to learn. */
  refresh(options: CallOptions): Promise<Result<true, RefreshRefusal>>
  /**
   * Slices from `from` on, as they are appended; ends when the signal fires or the engine is disposed of.
   * @throws KeygroveError `LEDGER_CORRUPT` or `LEDGER_FORKED` when no further entry can be trusted, `LEDGER_PRUNED` when the next one was dropped.
   */
  watch(from: LedgerIndex, options: WatchOptions): AsyncIterable<LedgerSlice>
}
