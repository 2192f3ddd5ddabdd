import { equalBytes } from "@keygrove/base"
import type { Primitives } from "@keygrove/crypto"
import {
  clusterIdOf,
  isBelow,
  ROOT_PATH,
  type LogPosition,
  type NodePath,
  type NodeRevocation,
  type RootReplacement,
} from "@keygrove/hierarchy"
import { endMembers } from "@keygrove/pieces"
import { anchorAuthor } from "./author.ts"
import type { LedgerIndex } from "./head.ts"
import { withoutReader } from "./readers.ts"
import { applied, clusterOf, rejected, withCluster, type Placed } from "./transitions.ts"
import type { ClusterState, LedgerState, NodeState, PolicyState, RemovedNode, TrustState } from "./state.ts"
import type { Application } from "./verdict.ts"

type Applied = Application<LedgerState>

/**
 * An ancestor ends a node with all below it. Where it names a last good entry, what these nodes wrote after it is undone as far as it gave something away:
 * policies and trust. What they took away stays so.
 */
export function applyNodeRevoked(state: LedgerState, entry: Placed<NodeRevocation>): Applied {
  const { author, body, index } = entry
  const ancestor = anchorAuthor(state, author)
  if (!ancestor.ok) return rejected(state, ancestor.code)
  if (!isBelow(body.path, author.path)) return rejected(state, "NODE_NOT_BELOW")
  const cluster = clusterOf(state, author)
  const node = cluster.nodes.get(body.path)
  if (node === undefined) return rejected(state, "NODE_UNKNOWN")
  if (node.generation !== body.generation) return rejected(state, "NODE_GENERATION_STALE")
  const removed = withoutSubtree(cluster, body.path, { reason: body.reason, at: index })
  // The root itself is always there.
  if (removed.nodes.size === 1 && body.isLast === undefined) return rejected(state, "NODE_LAST")
  const undone = isOfThisLog(state, body.lastGood)
    ? undoneAfter(withCluster(state, removed), removed, { ...body.lastGood, path: body.path, at: index })
    : withCluster(state, removed)
  return applied(undone)
}

/** A root steps down. Its cluster's nodes stay what they are for what they wrote before; from now on they only remove. */
export function applyRootReplaced(primitives: Pick<Primitives, "sha256">, state: LedgerState, entry: Placed<RootReplacement>): Applied {
  const { author, body, index } = entry
  const root = anchorAuthor(state, author)
  if (!root.ok) return rejected(state, root.code)
  if (author.path !== ROOT_PATH) return rejected(state, "AUTHOR_KEY_WRONG")
  const cluster = clusterOf(state, author)
  if (cluster.replacedBy !== undefined) return rejected(state, "CLUSTER_REPLACED")
  const isOwn = body.successor === author.cluster || equalBytes(body.anchorKey, author.key)
  if (isOwn || clusterIdOf(primitives, body.anchorKey) !== body.successor) return rejected(state, "ROOT_SUCCESSOR_WRONG")
  // Members end with their nodes, all of which do now.
  const { custody: _ended, ...rest } = cluster
  return applied(withCluster(state, { ...rest, replacedBy: { ...body, at: index } }))
}

/** The cluster without a node and all below it; each is remembered, so that its generation does not come back. */
export function withoutSubtree(cluster: ClusterState, path: NodePath, why: Pick<RemovedNode, "reason" | "at">): ClusterState {
  let { nodes, removed } = cluster
  const ended = [...subtree(cluster, path)]
  for (const node of ended) {
    nodes = nodes.delete(node.path)
    removed = removed.set(node.path, { cluster: node.cluster, path: node.path, generation: node.generation, ...why })
  }
  if (cluster.custody === undefined) return { ...cluster, nodes, removed }
  const custody = endMembers(
    cluster.custody,
    ended.map((node) => node.path),
  )
  return { ...cluster, nodes, removed, custody }
}

/** A node, if it stands, and those below it, whose paths follow each other. */
function* subtree({ nodes }: ClusterState, path: NodePath): Generator<NodeState, undefined> {
  const top = nodes.get(path)
  if (top !== undefined) yield top
  const prefix = `${path}/`
  for (const [each, node] of nodes.entries(prefix)) {
    if (!each.startsWith(prefix)) return
    yield node
  }
}

function isOfThisLog({ origin }: LedgerState, lastGood: LogPosition | undefined): lastGood is LogPosition {
  return lastGood !== undefined && origin !== undefined && equalBytes(origin, lastGood.origin)
}

interface Distrust {
  readonly path: NodePath
  /** What came after this index is undone. */
  readonly index: number
  readonly at: LedgerIndex
}

function undoneAfter(state: LedgerState, cluster: ClusterState, { at, index, path }: Distrust): LedgerState {
  const isMeant = (author: NodePath): boolean => author === path || isBelow(author, path)
  let { policies, readers } = state
  let { livePolicies, trustCount, trusted } = cluster
  for (const [grantedAt, id] of cluster.livePolicies.entries(index + 1)) {
    const policy: PolicyState | undefined = policies.get(id)
    if (policy === undefined || !isMeant(policy.owner.path)) continue
    policies = policies.set(id, { ...policy, revokedAt: at })
    readers = withoutReader(readers, policy, at)
    livePolicies = livePolicies.delete(grantedAt)
  }
  for (const trust of cluster.trusted.values()) {
    if (trust.removedAt !== undefined || trust.at <= index || !isMeant(trust.by)) continue
    const ended: TrustState = { ...trust, removedAt: at }
    trusted = trusted.set(trust.cluster, ended)
    trustCount--
  }
  return { ...withCluster(state, { ...cluster, livePolicies, trusted, trustCount }), policies, readers }
}
