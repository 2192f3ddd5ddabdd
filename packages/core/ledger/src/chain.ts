import { ok, refuse, type Result } from "@keygrove/base"
import type { Primitives } from "@keygrove/crypto"
import { verifyEntry, type Entry } from "./entry.ts"
import { emptyHead, nextHead, type LedgerHead, type LedgerIndex } from "./head.ts"
import { MAX_UNKNOWN_KINDS } from "./limits.ts"
import { applyEntry } from "./reducer.ts"
import { emptyState, OTHER_KINDS, type LedgerState } from "./state.ts"
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

/** An entry whose form and signature hold, with the bytes that it came as. */
export interface VerifiedEntry {
  readonly bytes: Uint8Array
  readonly entry: Entry
}

/** A ledger with one more entry, and what became of the entry. */
export interface FoldStep {
  readonly ledger: FoldedLedger
  readonly judged: JudgedEntry
  /** The encoded entry. */
  readonly bytes: Uint8Array
}

/** Verifies the next encoded entry of a log and folds it; a malformed or badly signed one makes the log corrupt and names its index. */
export function foldEntry(
  primitives: Pick<Primitives, "sha256" | "ed25519">,
  ledger: FoldedLedger,
  bytes: Uint8Array,
): Result<FoldStep, "LEDGER_CORRUPT"> {
  const index = ledger.head.length
  const entry = verifyEntry(primitives, bytes)
  if (entry.ok) return ok(foldVerified(primitives, ledger, { bytes, entry: entry.value }))
  return refuse("LEDGER_CORRUPT", `entry ${index} of the ledger is not valid (${entry.message}); do not trust this log`, { index })
}

/** Folds the next entry of a log, which was verified before. */
export function foldVerified(
  primitives: Pick<Primitives, "sha256" | "ed25519">,
  { head, state }: FoldedLedger,
  { bytes, entry }: VerifiedEntry,
): FoldStep {
  const index = head.length
  const named = index === 0 ? { ...state, origin: primitives.sha256(bytes) } : state
  const noted = entry.statement === undefined ? withUnknownKind(named, entry.kind) : named
  const application = applyEntry(primitives, noted, index, entry)
  return {
    ledger: { head: nextHead(primitives, head, bytes), state: application.state },
    judged: { index, entry, verdict: application.verdict },
    bytes,
  }
}

function withUnknownKind(state: LedgerState, kind: string): LedgerState {
  const known = state.unknownKinds ?? []
  const name = known.length < MAX_UNKNOWN_KINDS ? kind : OTHER_KINDS
  return known.includes(kind) || known.includes(name) ? state : { ...state, unknownKinds: [...known, name].toSorted() }
}
