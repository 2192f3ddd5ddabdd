import { ok, refuse, type Refusal, type Result } from "@keygrove/base"
import type { Primitives } from "@keygrove/crypto"
import { verifyEntry, type Entry } from "./entry.ts"
import { emptyHead, nextHead, type LedgerHead, type LedgerIndex } from "./head.ts"
import { MAX_UNKNOWN_KINDS } from "./limits.ts"
import { applyEntry } from "./reducer.ts"
import { emptyState, OTHER_KINDS, type LedgerState } from "./state.ts"
import type { Verdict } from "./verdict.ts"
import { verifyEntries, type VerifiedEntry } from "./verify-entries.ts"

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
  const entry = verifyEntry(primitives, bytes)
  return entry.ok ? ok(foldVerified(primitives, ledger, { bytes, entry: entry.value })) : corruptAt(ledger.head.length, entry)
}

/** {@link foldEntry} of consecutive entries, which are verified together before the first step; ends with the refusal at the first that makes the log corrupt. */
export function* foldEntries(
  primitives: Pick<Primitives, "sha256" | "ed25519">,
  ledger: FoldedLedger,
  entries: readonly Uint8Array[],
): Generator<Result<FoldStep, "LEDGER_CORRUPT">, undefined> {
  const { fault, verified } = verifyEntries(primitives, entries)
  let last = ledger
  for (const each of verified) {
    const step = foldVerified(primitives, last, each)
    last = step.ledger
    yield ok(step)
  }
  if (fault !== undefined) yield corruptAt(last.head.length, fault)
}

function corruptAt(index: LedgerIndex, { message }: Refusal): Refusal<"LEDGER_CORRUPT"> {
  return refuse("LEDGER_CORRUPT", `entry ${index} of the ledger is not valid (${message}); do not trust this log`, { index })
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
