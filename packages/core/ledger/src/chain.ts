import { ok, refuse, type Result } from "@keygrove/base"
import type { Primitives } from "@keygrove/crypto"
import { verifyEntry, type Entry } from "./entry.ts"
import { emptyHead, nextHead, type LedgerHead, type LedgerIndex } from "./head.ts"
import { applyEntry } from "./reducer.ts"
import { emptyState, type LedgerState } from "./state.ts"
import type { Verdict } from "./verdict.ts"

/** A verified log up to `head` and what it says. */
export interface FoldedLedger {
  readonly head: LedgerHead
  readonly state: LedgerState
}

/** One entry in its place, with what became of it. */
export interface JudgedEntry {
  readonly index: LedgerIndex
  readonly entry: Entry
  readonly verdict: Verdict
}

/** The fold of the empty ledger. */
export function emptyLedger(): FoldedLedger {
  return { head: emptyHead(), state: emptyState() }
}

/** Verifies the next encoded entry of a log and folds it; a malformed or badly signed one makes the log corrupt and names its index. */
export function foldEntry(
  primitives: Pick<Primitives, "sha256" | "ed25519">,
  ledger: FoldedLedger,
  bytes: Uint8Array,
): Result<{ readonly ledger: FoldedLedger; readonly judged: JudgedEntry }, "LEDGER_CORRUPT"> {
  const index = ledger.head.length
  const entry = verifyEntry(primitives, bytes)
  if (!entry.ok)
    return refuse("LEDGER_CORRUPT", `entry ${index} of the ledger is not valid (${entry.message}); do not trust this log`, { index })
  const named = index === 0 ? { ...ledger.state, origin: primitives.sha256(bytes) } : ledger.state
  const { state, verdict } = applyEntry(primitives, named, index, entry.value)
  return ok({ ledger: { head: nextHead(primitives, ledger.head, bytes), state }, judged: { index, entry: entry.value, verdict } })
}
