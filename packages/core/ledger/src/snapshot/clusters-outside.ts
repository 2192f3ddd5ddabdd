import type { ClusterId } from "@keygrove/hierarchy"
import { hasKeys, type LedgerState } from "../state.ts"
import { movedNode, succeeds } from "../succession.ts"

/**
 * The clusters whose nodes, also future ones, could not start from a snapshot that a node of `cluster` signed, because they believe their own cluster's alone: all others, but those whose root stepped down
 * for this one and whose nodes have all moved.
 */
export function clustersOutside(state: LedgerState, cluster: ClusterId): readonly ClusterId[] {
  const others = [...state.clusters.values()].filter(({ id }) => id !== cluster)
  const outside = others.filter(
    ({ id, nodes }) =>
      !succeeds(state, cluster, id) || [...nodes.values()].some((node) => hasKeys(node) && movedNode(state, node).cluster !== cluster),
  )
  return outside.map(({ id }) => id)
}
