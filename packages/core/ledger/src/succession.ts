import type { ClusterId, NodeReference } from "@keygrove/hierarchy"
import { MAX_SUCCESSIONS } from "./limits.ts"
import { findNode, hasKeys, type LedgerState, type NodeState } from "./state.ts"

/** The clusters that stand for another one, because its root stepped down for the first of them, and that one's for the next: at most {@link MAX_SUCCESSIONS}. */
export function* successorsOf(state: LedgerState, cluster: ClusterId): Generator<ClusterId, undefined> {
  let last = cluster
  for (let step = 0; step < MAX_SUCCESSIONS; step++) {
    const next = state.clusters.get(last)?.replacedBy?.successor
    if (next === undefined) return
    yield next
    last = next
  }
}

/** Whether a cluster is the successor of another, directly or by those between them. */
export function succeeds(state: LedgerState, cluster: ClusterId, predecessor: ClusterId): boolean {
  for (const each of successorsOf(state, predecessor)) if (each === cluster) return true
  return false
}

/** Whether a node is another one, or the one at its path under the root that came after. */
export function standsFor(state: LedgerState, node: NodeReference, other: NodeReference): boolean {
  return node.path === other.path && (node.cluster === other.cluster || succeeds(state, node.cluster, other.cluster))
}

/** A node as it is now: the one at its path below the last root that came in the place of its own and under which it has named keys, else itself. */
export function movedNode(state: LedgerState, node: NodeState): NodeState {
  let now = node
  for (const cluster of successorsOf(state, node.cluster)) {
    const moved = findNode(state, { cluster, path: node.path })
    if (moved !== undefined && hasKeys(moved)) now = moved
  }
  return now
}
