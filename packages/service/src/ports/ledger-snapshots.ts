import type { Result } from "@keygrove/base"
import type { LedgerIndex } from "@keygrove/ledger"
import type { CallOptions } from "./call-options.ts"

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
  /** Ends a snapshot, durably, and drops all but the two newest ones. */
  putHead(length: LedgerIndex, head: Uint8Array, options: CallOptions): Promise<Result<true, LedgerFileRefusal>>
  /** The index before which only entries of key chains are left; 0 where nothing was dropped. */
  prunedTo(options: CallOptions): Promise<Result<LedgerIndex, LedgerFileRefusal>>
  /**
   * Drops what entries before an index say, but those that are kept; how they chain stays, so that another history is still told apart. Cut off anywhere it may be done again.
   * @param kept in ascending order.
   */
  prune(before: LedgerIndex, kept: readonly LedgerIndex[], options: CallOptions): Promise<Result<true, LedgerFileRefusal>>
}
