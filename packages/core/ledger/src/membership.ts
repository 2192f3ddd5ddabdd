import { equalBytes, toHex, unwrap } from "@keygrove/base"
import type { Primitives } from "@keygrove/crypto"
import {
  clusterIdOf,
  decodeGeneration,
  holdsSigningKey,
  isBelow,
  noPreviousRekey,
  parentPath,
  rekeyDigest,
  ROOT_PATH,
  type ClusterStatement,
  type NodeCertificate,
  type NodePath,
  type RekeyStatement,
} from "@keygrove/hierarchy"
import { anchorAuthor } from "./author.ts"
import type { Author } from "./entry.ts"
import type { LedgerIndex } from "./head.ts"
import { MAX_CLUSTER_NODES, MAX_CLUSTERS } from "./limits.ts"
import type { ClusterState, LedgerState, NodeState } from "./state.ts"
import { APPLIED, voidFor, type Application, type VoidReason } from "./verdict.ts"

/** An entry in its place, as the rules of each kind see it. */
export interface Placed<Body> {
  readonly index: LedgerIndex
  readonly author: Author
  readonly body: Body
}

type Applied = Application<LedgerState>

const FIRST_GENERATION = unwrap(decodeGeneration(1))

/** A root announces its cluster. */
export function applyCluster(primitives: Pick<Primitives, "sha256">, state: LedgerState, entry: Placed<ClusterStatement>): Applied {
  const { author, body, index } = entry
  const isOwnRoot = author.path === ROOT_PATH && equalBytes(author.key, body.anchorKey)
  if (!isOwnRoot) return rejected(state, "AUTHOR_KEY_WRONG")
  if (clusterIdOf(primitives, body.anchorKey) !== author.cluster) return rejected(state, "CLUSTER_FINGERPRINT_WRONG")
  if (state.clusters.has(author.cluster)) return rejected(state, "CLUSTER_DUPLICATE")
  if (state.clusters.size >= MAX_CLUSTERS) return rejected(state, "CLUSTER_LIMIT")
  const root: NodeState = {
    cluster: author.cluster,
    path: ROOT_PATH,
    generation: FIRST_GENERATION,
    anchorKey: body.anchorKey,
    certifiedAt: index,
    lastRekey: noPreviousRekey(),
  }
  return applied(withCluster(state, { id: author.cluster, announcedAt: index, nodes: new Map([[ROOT_PATH, root]]), livePolicies: 0 }))
}

/** A parent certifies a child, or replaces it by a higher generation; nodes below a replaced one descend from its old secret and end with it. */
export function applyNode(state: LedgerState, entry: Placed<NodeCertificate>): Applied {
  const { author, body, index } = entry
  const parent = anchorAuthor(state, author)
  if (!parent.ok) return rejected(state, parent.code)
  if (parentPath(body.path) !== author.path) return rejected(state, "NODE_NOT_A_CHILD")
  const cluster = clusterOf(state, author)
  const current = cluster.nodes.get(body.path)
  if (current !== undefined && body.generation <= current.generation) return rejected(state, "NODE_GENERATION_STALE")
  if (current === undefined && cluster.nodes.size >= MAX_CLUSTER_NODES) return rejected(state, "NODE_LIMIT")
  const nodes = new Map<NodePath, NodeState>([...cluster.nodes].filter(([path]) => !isBelow(path, body.path)))
  const { path, generation, anchorKey } = body
  nodes.set(path, { cluster: author.cluster, path, generation, anchorKey, certifiedAt: index, lastRekey: noPreviousRekey() })
  return applied(withCluster(state, { ...cluster, nodes }))
}

/** A node names the keys of its next epoch. */
export function applyRekey(primitives: Pick<Primitives, "sha256" | "ed25519">, state: LedgerState, entry: Placed<RekeyStatement>): Applied {
  const { author, body, index } = entry
  const node = anchorAuthor(state, author)
  if (!node.ok) return rejected(state, node.code)
  const reason = rekeyObjection(primitives, state, node.value, body)
  if (reason !== undefined) return rejected(state, reason)
  const { cluster, path } = node.value
  const changed = withNode(state, { ...node.value, keys: body.keys, lastRekey: rekeyDigest(primitives, body) })
  const holder = { cluster, path, epoch: body.keys.epoch, since: index }
  return applied({ ...changed, signingKeys: changed.signingKeys.set(toHex(body.keys.signingKey), holder) })
}

function rekeyObjection(
  primitives: Pick<Primitives, "ed25519">,
  state: LedgerState,
  node: NodeState,
  rekey: RekeyStatement,
): VoidReason | undefined {
  if (rekey.generation !== node.generation) return "REKEY_GENERATION_WRONG"
  if (rekey.keys.epoch !== (node.keys?.epoch ?? 0) + 1) return "REKEY_EPOCH_WRONG"
  if (!equalBytes(rekey.previous, node.lastRekey)) return "REKEY_PREVIOUS_WRONG"
  if (state.signingKeys.has(toHex(rekey.keys.signingKey))) return "REKEY_KEY_REUSED"
  if (!holdsSigningKey(primitives, rekey, node)) return "REKEY_POSSESSION_UNPROVED"
  return undefined
}

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
  return withCluster(state, { ...cluster, nodes: new Map(cluster.nodes).set(node.path, node) })
}

/** The entry had its effect. */
export function applied(state: LedgerState): Applied {
  return { state, verdict: APPLIED }
}

/** The entry is void: the state stays. */
export function rejected(state: LedgerState, reason: VoidReason): Applied {
  return { state, verdict: voidFor(reason) }
}
