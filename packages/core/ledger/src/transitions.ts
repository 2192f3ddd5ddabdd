import type { Author } from "./entry.ts"
import type { LedgerIndex } from "./head.ts"
import type { ClusterState, LedgerState, NodeState } from "./state.ts"
import { APPLIED, voidFor, type Application, type VoidReason } from "./verdict.ts"

/** An entry in its place, as the rules of each kind see it. */
export interface Placed<Body> {
  readonly index: LedgerIndex
  readonly author: Author
  readonly body: Body
}

type Applied = Application<LedgerState>

/** The cluster of an author that was found on the ledger. */
export function clusterOf(state: LedgerState, author: Pick<Author, "cluster">): ClusterState {
  const cluster = state.clusters.get(author.cluster)
  if (cluster === undefined) throw new TypeError("a known author's cluster is on the ledger")
  return cluster
}

/** The state with a changed or new cluster. */
export function withCluster(state: LedgerState, cluster: ClusterState): LedgerState {
  return { ...state, clusters: state.clusters.set(cluster.id, cluster) }
}

/** The state with a changed node. */
export function withNode(state: LedgerState, node: NodeState): LedgerState {
  const cluster = clusterOf(state, node)
  return withCluster(state, { ...cluster, nodes: cluster.nodes.set(node.path, node) })
}

/** The entry had its effect. */
export function applied(state: LedgerState): Applied {
  return { state, verdict: APPLIED }
}

/** The entry is void: the state stays. */
export function rejected(state: LedgerState, reason: VoidReason): Applied {
  return { state, verdict: voidFor(reason) }
}
