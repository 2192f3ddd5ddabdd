import { ok, refuse, type Result } from "@keygrove/base"
import type { Primitives } from "@keygrove/crypto"
import type { ClusterId } from "@keygrove/hierarchy"
import { findNodeByKey, foldEntry, type FoldedLedger, type LedgerState } from "@keygrove/ledger"

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

/**
 * Which of a stranger's entries are to be appended so that its key is a node's: those that the ledger lacks, and none when it has them all. What says anything else than
 * who is a node of the caller's cluster is refused, and so is what does not make the caller one.
 */
export function judgeJoin(
  primitives: Pick<Primitives, "sha256" | "ed25519">,
  ledger: FoldedLedger,
  { admits, entries, from }: JoinCase,
): Result<readonly Uint8Array[], JoinRefusal> {
  const missing: Uint8Array[] = []
  const clusters = new Set<ClusterId>()
  let after = ledger
  let reason = "nothing new"
  for (const bytes of entries) {
    const folded = foldEntry(primitives, after, bytes)
    if (!folded.ok || !JOINING_KINDS.includes(folded.value.judged.entry.kind))
      return refuse("JOIN_MESSAGE_INVALID", "who wants to join sends well signed statements of kind cluster, node and rekey, and no other")
    const { entry, verdict } = folded.value.judged
    clusters.add(entry.author.cluster)
    if (verdict.kind === "void") {
      reason = verdict.reason
      continue
    }
    missing.push(bytes)
    after = folded.value.ledger
  }
  const node = findNodeByKey(after.state, from)
  if (node === undefined || clusters.size !== 1 || !clusters.has(node.cluster))
    return refuse(
      "JOIN_FOREIGN",
      `the statements do not make the caller's key that of a node (${reason}); its parent may have to certify it first`,
    )
  if (!admits(after.state, node.cluster))
    return refuse("JOIN_CLOSED", "the ledger's host lets in nodes of its own cluster and of those that it trusts; meet its people first")
  return ok(missing)
}
