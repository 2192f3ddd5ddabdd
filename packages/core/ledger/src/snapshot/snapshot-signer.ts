import { equalBytes, ok, refuse, type Result } from "@keygrove/base"
import { isSameNode, type NodeReference } from "@keygrove/hierarchy"
import { isSameHead } from "../head.ts"
import type { KeyChain } from "../key-chain.ts"
import { findHolder, findNodeByKey, type ClusterState, type NodeState } from "../state.ts"
import type { SnapshotHead } from "./snapshot-head.ts"
import type { LedgerSnapshot } from "./snapshot.ts"

/** A snapshot with the signed head that it came with. */
export interface SignedSnapshot {
  readonly head: SnapshotHead
  readonly snapshot: LedgerSnapshot
}

/**
 * Whether a node may go on from a snapshot that another one of its cluster took: what it says of the cluster's own nodes is what the cluster's key chain says, and its signer is one of them at the
 * end of that chain, under the key that it has there. A node's own snapshot may be signed with a key that it had before.
 * @param chain the reader's cluster's, verified from its root to where the snapshot has it.
 * @param reader whose own file the snapshot is in; absent for one that somebody else gave, of which nobody's earlier key is believed.
 */
export function verifySnapshotSigner(
  { head, snapshot }: SignedSnapshot,
  chain: KeyChain,
  reader?: NodeReference,
): Result<true, "SNAPSHOT_INVALID" | "SNAPSHOT_SIGNER_UNKNOWN"> {
  const members = snapshot.state.clusters.get(chain.cluster)
  const known = chain.state.clusters.get(chain.cluster)
  const claimed = snapshot.keyChains.get(chain.cluster)
  if (
    members === undefined ||
    known === undefined ||
    claimed === undefined ||
    !isSameHead(claimed.head, chain.head) ||
    !hasSameMembers(members, known)
  )
    return refuse(
      "SNAPSHOT_INVALID",
      "the snapshot of the ledger says other things of this node's own cluster than the cluster's key chain does",
    )
  const { author } = head
  const signer =
    findNodeByKey(chain.state, author.key) ??
    (reader !== undefined && isSameNode(author, reader) ? findHolder(chain.state, author.key) : undefined)
  if (signer !== undefined && isSameNode(signer, author)) return ok(true)
  return refuse(
    "SNAPSHOT_SIGNER_UNKNOWN",
    `the snapshot of the ledger is signed by ${author.path}, which is no node of this cluster, or has another key`,
  )
}

/** Terms are not compared: they are in no key chain. */
function hasSameMembers(a: ClusterState, b: ClusterState): boolean {
  if (a.nodes.size !== b.nodes.size || a.removed.size !== b.removed.size) return false
  if (a.replacedBy?.successor !== b.replacedBy?.successor) return false
  for (const node of a.nodes.values()) {
    const other = b.nodes.get(node.path)
    if (other === undefined || !isSameMember(node, other)) return false
  }
  for (const { generation, path, reason } of a.removed.values()) {
    const other = b.removed.get(path)
    if (other === undefined || other.generation !== generation || other.reason !== reason) return false
  }
  return true
}

function isSameMember(a: NodeState, b: NodeState): boolean {
  if (a.generation !== b.generation || a.orderedEpoch !== b.orderedEpoch) return false
  return (
    equalBytes(a.anchorKey, b.anchorKey) && equalBytes(a.lastRekey, b.lastRekey) && a.keys?.epoch === b.keys?.epoch && hasSameKeys(a, b)
  )
}

function hasSameKeys({ keys: a }: NodeState, { keys: b }: NodeState): boolean {
  if (a === undefined || b === undefined) return a === b
  const pairs = [
    [a.signingKey, b.signingKey],
    [a.encryptionKey, b.encryptionKey],
    [a.sealingKey, b.sealingKey],
    [a.delegationKey, b.delegationKey],
  ] as const
  return pairs.every(([left, right]) => equalBytes(left, right))
}
