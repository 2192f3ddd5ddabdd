import type { Result } from "@keygrove/base"
import type { LedgerHead, LedgerIndex } from "@keygrove/ledger"
import type { CallOptions } from "./call-options.ts"
import type { AppendRefusal, LedgerEngine, LedgerSlice } from "./ledger-engine.ts"

/** Why a node's own file does not do what is asked. `LEDGER_UNREACHABLE`: it cannot be read or written now. */
export type LedgerFileRefusal = "LEDGER_CORRUPT" | "LEDGER_UNREACHABLE" | "DISK_FULL"

/**
 * The snapshots that a node keeps in the file of its ledger, and what of the file they make superfluous. Nothing here is believed because it is there: whoever reads a snapshot checks it.
 * One that is written is there as soon as its head is; what was begun and not ended is dropped when the next one begins.
 */
export interface LedgerSnapshots {
  /** Encoded heads of those that are whole, the newest first; at most two. */
  heads(options: CallOptions): Promise<Result<readonly Uint8Array[], LedgerFileRefusal>>
  /** A chunk, from 0, of the snapshot at a length; `LEDGER_CORRUPT` when it is not there. */
  chunk(length: LedgerIndex, place: number, options: CallOptions): Promise<Result<Uint8Array, LedgerFileRefusal>>
  /** Writes the next chunk of a snapshot; place 0 begins it anew. */
  putChunk(length: LedgerIndex, place: number, chunk: Uint8Array, options: CallOptions): Promise<Result<true, LedgerFileRefusal>>
  /** Ends a snapshot, durably, and drops all but the two newest ones; `LEDGER_UNREACHABLE` when another was begun since its first chunk. */
  putHead(length: LedgerIndex, head: Uint8Array, options: CallOptions): Promise<Result<true, LedgerFileRefusal>>
  /** The index before which only entries of key chains are left; 0 where nothing was dropped. */
  prunedTo(options: CallOptions): Promise<Result<LedgerIndex, LedgerFileRefusal>>
  /** The hash of the log's head after `length` entries, 32 bytes; `LEDGER_PRUNED` where it is not kept, or was never had. */
  headAt(length: LedgerIndex, options: CallOptions): Promise<Result<Uint8Array, LedgerFileRefusal | "LEDGER_PRUNED">>
  /**
   * Drops what entries before an index say, but those that are kept; how they chain stays, so that another history is still told apart. Cut off anywhere it may be done again.
   * @param kept in ascending order.
   */
  prune(before: LedgerIndex, kept: readonly LedgerIndex[], options: CallOptions): Promise<Result<true, LedgerFileRefusal>>
}

/** Where a copy goes on that has no entries between its own head and a snapshot. */
export interface SnapshotStart {
  /** Where the copy ends. */
  readonly expected: LedgerHead
  /** Of the snapshot, whose chunks are in the file. */
  readonly head: LedgerHead
  /** The snapshot's signed head, encoded. */
  readonly signed: Uint8Array
  /** What is kept of the entries between: consecutive ones together, in ascending order, none before `expected`. */
  readonly kept: readonly LedgerSlice[]
}

/** A copy of a ledger that may start from a snapshot of somebody else, which whoever starts it has judged. */
export interface StartableCopy extends Pick<LedgerEngine, "head" | "read"> {
  readonly snapshots: LedgerSnapshots
  /**
   * Ends the snapshot's writing and goes on from its head, whole and durably or not at all: entries between that are not kept count as dropped. Refuses with `LEDGER_HEAD_MOVED` when the copy does not end
   * where `expected` says, with `LEDGER_UNREACHABLE` when the snapshot's chunks are gone, and with `LEDGER_CORRUPT` when what is kept does not fit the head.
   */
  startFrom(start: SnapshotStart, options: CallOptions): Promise<Result<true, AppendRefusal>>
}
