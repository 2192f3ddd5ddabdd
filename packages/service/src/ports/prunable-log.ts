import type { Result } from "@keygrove/base"
import type { LedgerIndex, SnapshotHead } from "@keygrove/ledger"
import type { CallOptions } from "./call-options.ts"
import type { LedgerFileRefusal } from "./ledger-snapshots.ts"

/** What a log that others write to as well is rid of, and where whoever is behind starts from then on. */
export interface PruneOrder {
  /** Of the snapshot before which entries are dropped. */
  readonly head: SnapshotHead
  /** The same, as it was signed. */
  readonly encoded: Uint8Array
  /** Chunks of the snapshot, from 0. */
  chunk(place: number, options: CallOptions): Promise<Result<Uint8Array, LedgerFileRefusal>>
  /** What is kept of the entries before, in ascending order: those of key chains. */
  readonly kept: readonly LedgerIndex[]
}

/**
 * Why a log is not pruned, or not to the end. `LEDGER_BUSY`: another node prunes it. `LEDGER_HEAD_MOVED`: it was pruned at a later snapshot. `LEDGER_CORRUPT`: it is not the log that the snapshot is of.
 * `LEDGER_MOVED`: it goes on elsewhere.
 */
export type PruneRefusal = LedgerFileRefusal | "LEDGER_BUSY" | "LEDGER_HEAD_MOVED" | "LEDGER_MOVED" | "SNAPSHOT_INVALID"

/** A log of several writers that drops what a snapshot says. */
export interface PrunableLog {
  /** The length of the snapshot before which it may lack entries; 0 where it has all. */
  prunedTo(options: CallOptions): Promise<Result<LedgerIndex, "LEDGER_UNREACHABLE" | "LEDGER_CORRUPT">>
  /**
   * Puts the snapshot where everybody finds it, and only then drops the entries before it, but those that are kept; how they chain stays. Cut off anywhere the log is whole, for its readers, and
   * the same call, or one with a later snapshot, goes on.
   */
  prune(order: PruneOrder, options: CallOptions): Promise<Result<true, PruneRefusal>>
}
