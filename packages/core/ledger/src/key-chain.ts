import { equalBytes, ok, refuse, type Refusal, type Result } from "@keygrove/base"
import type { Primitives } from "@keygrove/crypto"
import { clusterIdOf, type ClusterId } from "@keygrove/hierarchy"
import { verifyEntry, type Entry } from "./entry.ts"
import { emptyHead, isSameHead, nextHead, type LedgerHead, type LedgerIndex } from "./head.ts"
import { verifyKeyChainHead, type KeyChainHead } from "./key-chain-head.ts"
import { MAX_KEY_CHAIN_ENTRIES } from "./limits.ts"
import { applyEntry } from "./reducer.ts"
import { emptyState, type ClusterState, type LedgerState } from "./state.ts"

/** Why a key chain is not believed. */
export type KeyChainRefusal =
  | "KEY_CHAIN_ENTRY_INVALID"
  | "KEY_CHAIN_ENTRY_FOREIGN"
  | "KEY_CHAIN_ENTRY_VOID"
  | "KEY_CHAIN_ROOT_WRONG"
  | "KEY_CHAIN_TOO_LONG"
  | "KEY_CHAIN_HEAD_INVALID"
  | "KEY_CHAIN_HEAD_WRONG"
  | "KEY_CHAIN_SIGNER_UNKNOWN"
  | "KEY_CHAIN_TRUNCATED"
  | "KEY_CHAIN_FORKED"

/** A cluster's key chain as far as it was read: every entry so far belonged to it and had its effect. Immutable. */
export interface KeyChain {
  /** The root's anchor, 32 bytes: what the reader knows before. */
  readonly root: Uint8Array
  readonly cluster: ClusterId
  /** Chains the entries of this chain alone, as a ledger chains its own. */
  readonly head: LedgerHead
  readonly state: LedgerState
}

/** What a ledger holds of one cluster's key chain. */
export interface LedgerKeyChain {
  /** Chains those entries alone, as a key chain does. */
  readonly head: LedgerHead
  /** Where they stand in the ledger. */
  readonly indexes: readonly LedgerIndex[]
}

/** A chain that somebody in the cluster has signed as a whole: who is a node, with which keys, who was, and whether the root stepped down. */
export interface VerifiedKeyChain extends KeyChain {
  readonly members: ClusterState
}

/** What a reader is given, and what it knew before. */
export interface PresentedKeyChain {
  /** Encoded entries in order; any iterable, so that a long chain need not be in memory at once. */
  readonly entries: Iterable<Uint8Array>
  readonly head: KeyChainHead
  /** How far the reader has seen this chain before: a shorter or another history is refused. */
  readonly known?: LedgerHead
}

type Tools = Pick<Primitives, "sha256" | "ed25519">

/** Statements that say who the nodes of a cluster are; all else on a ledger is nobody's concern who checks an identity. */
const KINDS: ReadonlySet<string> = new Set(["cluster", "node", "rekey", "rekey-ordered", "node-revoked", "root-replaced"])

/** Whether an entry that had its effect on a ledger is part of its cluster's key chain. */
export function isOfKeyChain({ kind }: Pick<Entry, "kind">): boolean {
  return KINDS.has(kind)
}

/** The chain of a root before its first entry. */
export function emptyKeyChain(primitives: Tools, root: Uint8Array): KeyChain {
  return { root, cluster: clusterIdOf(primitives, root), head: emptyHead(), state: emptyState() }
}

/**
 * Verifies the next entry of a chain. Stricter than a ledger, where what has no effect may stand: a chain is written by one who chose its entries, so one without
 * effect is a lie or a fault. Refusals name the index of the entry in `data.index`.
 */
export function extendKeyChain(primitives: Tools, chain: KeyChain, bytes: Uint8Array): Result<KeyChain, KeyChainRefusal> {
  const index = chain.head.length
  if (index >= MAX_KEY_CHAIN_ENTRIES)
    return refusedAt(index, "KEY_CHAIN_TOO_LONG", `there are more than ${MAX_KEY_CHAIN_ENTRIES} entries, which no cluster needs`)
  const entry = verifyEntry(primitives, bytes)
  if (!entry.ok) return refusedAt(index, "KEY_CHAIN_ENTRY_INVALID", entry.message)
  const { author, kind } = entry.value
  if (index === 0 && (kind !== "cluster" || !equalBytes(author.key, chain.root))) return rootWrong()
  if (author.cluster !== chain.cluster || !isOfKeyChain(entry.value)) {
    const what = `a ${kind} statement of cluster ${author.cluster.slice(0, 16)}`
    return refusedAt(index, "KEY_CHAIN_ENTRY_FOREIGN", `${what} does not belong to it`)
  }
  const { state, verdict } = applyEntry(primitives, chain.state, index, entry.value)
  if (verdict.kind === "void")
    return refusedAt(index, "KEY_CHAIN_ENTRY_VOID", `a ${kind} statement of ${author.path} has no effect`, verdict.reason)
  return ok({ ...chain, head: nextHead(primitives, chain.head, bytes), state })
}

/**
 * Verifies a cluster's key chain offline, from the root's anchor alone. Nothing can be changed, left out, moved, repeated or cut off without somebody who is a
 * node at its end, or the root, signing the result; against one of those, who could cut off its own revocation, `known` helps: what was seen once is not
 * forgotten (docs/protocol/key-chain.md).
 */
export function verifyKeyChain(
  primitives: Tools,
  root: Uint8Array,
  { entries, head, known }: PresentedKeyChain,
): Result<VerifiedKeyChain, KeyChainRefusal> {
  let chain = emptyKeyChain(primitives, root)
  let isContinued = known === undefined || known.length === 0
  for (const bytes of entries) {
    const extended = extendKeyChain(primitives, chain, bytes)
    if (!extended.ok) return extended
    chain = extended.value
    if (known === undefined || chain.head.length !== known.length) continue
    if (!isSameHead(chain.head, known))
      return refusedAt(known.length, "KEY_CHAIN_FORKED", `its first ${known.length} entries are others than those seen before`)
    isContinued = true
  }
  if (!isContinued)
    return refusedAt(
      chain.head.length,
      "KEY_CHAIN_TRUNCATED",
      `${known?.length ?? 0} entries were seen before, now there are ${chain.head.length}`,
    )
  return finishKeyChain(primitives, chain, head)
}

/** Checks that a signed head closes a chain that was read with {@link extendKeyChain}. */
export function finishKeyChain(primitives: Tools, chain: KeyChain, head: KeyChainHead): Result<VerifiedKeyChain, KeyChainRefusal> {
  const members = chain.state.clusters.get(chain.cluster)
  if (members === undefined) return rootWrong()
  const closed = verifyKeyChainHead(primitives, chain, head)
  return closed.ok ? ok({ ...chain, members }) : closed
}

function rootWrong(): Refusal<KeyChainRefusal> {
  return refusedAt(0, "KEY_CHAIN_ROOT_WRONG", "it does not begin with the announcement of the root that was expected")
}

function refusedAt(index: number, code: KeyChainRefusal, why: string, reason?: string): Refusal<KeyChainRefusal> {
  const data = reason === undefined ? { index } : { index, reason }
  return refuse(code, `the key chain is not believed: entry ${index}: ${why}${reason === undefined ? "" : ` (${reason})`}`, data)
}
