import type { Brand } from "@keygrove/base"

/** Position of an entry in a ledger, from 0. */
export type LedgerIndex = Brand<number, "LedgerIndex">

/** How far a ledger goes: `length` entries, chained into `hash` (32 bytes; 32 zero bytes when empty). */
export interface LedgerHead {
  readonly length: LedgerIndex
  readonly hash: Uint8Array
}
