import type { Result } from "@keygrove/base"
import type { LedgerHead, LedgerIndex } from "@keygrove/ledger"
import type { CallOptions } from "./call-options.ts"
import type { AppendOptions, AppendRefusal, LedgerSlice } from "./ledger-engine.ts"

/** `LEDGER_CORRUPT`: what the source shows cannot be a ledger, so that nothing more of it is believed. */
export type SourceRefusal = "LEDGER_UNREACHABLE" | "LEDGER_CORRUPT"

/**
 * Where a ledger is that this node keeps a verified copy of: another node, or a service of many machines. Nothing that it says is believed, see
 * `FollowerLedgerEngine`. Each call ends within a deadline of the source's own, with `LEDGER_UNREACHABLE`.
 */
export interface LedgerSource extends AsyncDisposable {
  /** What it is called in messages, such as "the ledger's host". */
  readonly title: string
  /** The head now, not an earlier one. */
  head(options: CallOptions): Promise<Result<LedgerHead, SourceRefusal>>
  /** Up to `limit` (≤ 256) entries from `from`, within the limits of `LedgerEngine.read`; `LEDGER_PRUNED` when the source has dropped the first of them. */
  read(from: LedgerIndex, limit: number, options: CallOptions): Promise<Result<LedgerSlice, SourceRefusal | "LEDGER_PRUNED">>
  /** Appends as `LedgerEngine.append` does. After `LEDGER_UNREACHABLE` the batch may have been appended. */
  append(batch: readonly Uint8Array[], expected: LedgerHead, options: AppendOptions): Promise<Result<LedgerHead, AppendRefusal>>
  /** The head once its length is another than `length`, or whatever it is after some time, at most a minute. */
  wait(length: LedgerIndex, options: CallOptions): Promise<Result<LedgerHead, SourceRefusal>>
}
