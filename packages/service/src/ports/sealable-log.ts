import type { Result } from "@keygrove/base"
import type { LedgerHead } from "@keygrove/ledger"
import type { CallOptions } from "./call-options.ts"

/** Why a log is not closed. `LEDGER_MOVED`: it was closed before, for another place. */
export type SealRefusal = "LEDGER_HEAD_MOVED" | "LEDGER_MOVED" | "LEDGER_UNREACHABLE" | "LEDGER_CORRUPT" | "DISK_FULL"

/** Longest name of the place where a log goes on, in characters. */
export const MAX_MOVED_TO_CHARACTERS = 1024

/** Where a log is that may be closed for good, because it goes on elsewhere. */
export interface SealableLog {
  /** Where it goes on; `undefined` while it is appended to. */
  movedTo(options: CallOptions): Promise<Result<string | undefined, "LEDGER_UNREACHABLE" | "LEDGER_CORRUPT">>
  /** Closes it in one step with the comparison of its head: nothing is appended after it. Closing it again for the same place is nothing. */
  seal(target: string, expected: LedgerHead, options: CallOptions): Promise<Result<true, SealRefusal>>
}
