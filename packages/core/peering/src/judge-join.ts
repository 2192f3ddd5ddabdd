import { equalBytes, ok, refuse, toHex, type Result } from "@keygrove/base"
import type { Primitives } from "@keygrove/crypto"
import type { ClusterId } from "@keygrove/hierarchy"
import { findNode, findNodeByKey, foldEntry, type Entry, type FoldedLedger, type LedgerIndex, type LedgerState } from "@keygrove/ledger"

/** Why a stranger's entries are not appended. */
export type JoinRefusal = "JOIN_MESSAGE_INVALID" | "JOIN_FOREIGN" | "JOIN_CLOSED"

export interface JoinCase {
  /** The caller's signing key as its line proved it, 32 bytes. */
  readonly from: Uint8Array
  readonly entries: readonly Uint8Array[]
  /** Whether nodes of this cluster are let in, by the state that the ledger would have then. */
  admits(state: LedgerState, cluster: ClusterId): boolean
}

const JOINING_KINDS: readonly string[] = ["cluster", "node", "rekey"]

/** What a host does for a stranger that sent the right entries. */
export type JoinVerdict =
  /** Appends those that the ledger lacks, and none when it has them all; then the caller's key is a node's. */
  | { readonly kind: "append"; readonly entries: readonly Uint8Array[] }
  /** Nothing: the caller's node was certified once and has ended, by the entry `endedAt` or one before it. */
  | { readonly kind: "ended"; readonly endedAt: LedgerIndex }

/**
 * Judges a stranger's entries. What says anything else than who is a node of the caller's cluster is refused, and so is what does not make the caller one.
 */
export function judgeJoin(
  primitives: Pick<Primitives, "sha256" | "ed25519">,
  ledger: FoldedLedger,
  { admits, entries, from }: JoinCase,
): Result<JoinVerdict, JoinRefusal> {
  const missing: Uint8Array[] = []
  const clusters = new Set<ClusterId>()
  let after = ledger
  let reason = "nothing new"
  let endedAt: LedgerIndex | undefined
  for (const bytes of entries) {
    const folded = foldEntry(primitives, after, bytes)
    if (!folded.ok || !JOINING_KINDS.includes(folded.value.judged.entry.kind))
      return refuse("JOIN_MESSAGE_INVALID", "who wants to join sends well signed statements of kind cluster, node and rekey, and no other")
    const { entry, verdict } = folded.value.judged
    clusters.add(entry.author.cluster)
    if (verdict.kind === "void") {
      reason = verdict.reason
      endedAt ??= endOf(after.state, entry, from)
      continue
    }
    missing.push(bytes)
    after = folded.value.ledger
  }
  const [cluster] = clusters
  const node = findNodeByKey(after.state, from)
  if (node === undefined && endedAt !== undefined && cluster !== undefined && clusters.size === 1 && admits(ledger.state, cluster))
    return ok({ kind: "ended", endedAt })
  if (node === undefined || clusters.size !== 1 || !clusters.has(node.cluster))
    return refuse(
      "JOIN_FOREIGN",
      `the statements do not make the caller's key that of a node (${reason}); its parent may have to certify it first`,
    )
  if (!admits(after.state, node.cluster))
    return refuse("JOIN_CLOSED", "the ledger's host lets in nodes of its own cluster and of those that it trusts; meet its people first")
  return ok({ kind: "append", entries: missing })
}

/**
 * Where a node ended that never was on the ledger with keys: its anchor names the caller's key, and was certified, but is not the anchor at its path any more. The last entry that
 * ended a node at the path, so that it reads of its own end in any case.
 */
function endOf(state: LedgerState, { author, statement }: Entry, from: Uint8Array): LedgerIndex | undefined {
  if (statement?.kind !== "rekey" || !equalBytes(statement.body.keys.signingKey, from)) return undefined
  const holder = state.anchorKeys.get(toHex(author.key))
  const node = findNode(state, author)
  if (holder?.cluster !== author.cluster || holder.path !== author.path) return undefined
  if (node !== undefined && equalBytes(node.anchorKey, author.key)) return undefined
  const removedAt = state.clusters.get(author.cluster)?.removed.get(author.path)?.at
  return [removedAt, node?.certifiedAt].reduce((last, at) => (last === undefined || (at !== undefined && at > last) ? at : last))
}
