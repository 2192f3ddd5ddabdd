import { equalBytes, ok, refuse, unwrap, type Brand, type Result } from "@keygrove/base"
import type { Primitives } from "@keygrove/crypto"

/** Position of an entry in a ledger, from 0. */
export type LedgerIndex = Brand<number, "LedgerIndex">

/** How far a ledger goes: `length` entries, chained into `hash` (32 bytes; 32 zero bytes when empty). */
export interface LedgerHead {
  readonly length: LedgerIndex
  readonly hash: Uint8Array
}

/** Checks an index or a length. */
export function decodeLedgerIndex(value: unknown): Result<LedgerIndex, "LEDGER_INDEX_INVALID"> {
  if (typeof value === "number" && Number.isSafeInteger(value) && value >= 0) return ok(value as LedgerIndex)
  return refuse("LEDGER_INDEX_INVALID", "a ledger index is an integer from 0")
}

/** The index `count` entries after `index`. */
export function advanceIndex(index: LedgerIndex, count: number): LedgerIndex {
  return unwrap(decodeLedgerIndex(index + count))
}

/** The head of the empty ledger; a fresh copy. */
export function emptyHead(): LedgerHead {
  return { length: unwrap(decodeLedgerIndex(0)), hash: new Uint8Array(32) }
}

/** The head after one more encoded entry: SHA-256(head ‖ SHA-256(entry)). */
export function nextHead(primitives: Pick<Primitives, "sha256">, head: LedgerHead, entry: Uint8Array): LedgerHead {
  return { length: advanceIndex(head.length, 1), hash: primitives.sha256(head.hash, primitives.sha256(entry)) }
}

/** Whether both are the same history. */
export function isSameHead(a: LedgerHead, b: LedgerHead): boolean {
  return a.length === b.length && equalBytes(a.hash, b.hash)
}
