import { equalBytes, OrderedMap, toHex, unwrap } from "@keygrove/base"
import type { Primitives } from "@keygrove/crypto"
import {
  clusterIdOf,
  decodeGeneration,
  holdsSigningKey,
  isBelow,
  noPreviousRekey,
  parentPath,
  ROOT_PATH,
  type ClusterStatement,
  type NodeCertificate,
  type RekeyOrder,
  type RekeyStatement,
} from "@keygrove/hierarchy"
import { anchorAuthor } from "./author.ts"
import { MAX_CLUSTER_NODES, MAX_CLUSTERS } from "./limits.ts"
import { withoutSubtree } from "./removal.ts"
import type { ClusterState, LedgerState, NodeState } from "./state.ts"
import { applied, clusterOf, rejected, withCluster, withNode, type Placed } from "./transitions.ts"
import type { Application, VoidReason } from "./verdict.ts"

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
  const announced: ClusterState = {
    id: author.cluster,
    announcedAt: index,
    nodes: OrderedMap.empty<string, NodeState>().set(ROOT_PATH, root),
    removed: OrderedMap.empty(),
    livePolicies: OrderedMap.empty(),
    trusted: OrderedMap.empty(),
    trustCount: 0,
  }
  return applied(withAnchor(withCluster(state, announced), root))
}

/** A parent certifies a child, or replaces it by a higher generation; nodes below a replaced one descend from its old secret and end with it. */
export function applyNode(state: LedgerState, entry: Placed<NodeCertificate>): Applied {
  const { author, body, index } = entry
  const parent = anchorAuthor(state, author)
  if (!parent.ok) return rejected(state, parent.code)
  const cluster = clusterOf(state, author)
  const reason = certificateObjection(state, cluster, entry)
  if (reason !== undefined) return rejected(state, reason)
  const without = withoutSubtree(cluster, body.path, { reason: "replaced", at: index })
  const { path, generation, anchorKey } = body
  const node = { cluster: author.cluster, path, generation, anchorKey, certifiedAt: index, lastRekey: noPreviousRekey() }
  return applied(withAnchor(withCluster(state, { ...without, nodes: without.nodes.set(path, node) }), node))
}

function certificateObjection(
  { anchorKeys }: LedgerState,
  { nodes, removed }: ClusterState,
  { author, body }: Placed<NodeCertificate>,
): VoidReason | undefined {
  if (parentPath(body.path) !== author.path) return "NODE_NOT_A_CHILD"
  const current = nodes.get(body.path)
  const highest = current?.generation ?? removed.get(body.path)?.generation ?? 0
  if (body.generation <= highest) return "NODE_GENERATION_STALE"
  if (anchorKeys.has(toHex(body.anchorKey))) return "ANCHOR_KEY_REUSED"
  if (current === undefined && nodes.size >= MAX_CLUSTER_NODES) return "NODE_LIMIT"
  return undefined
}

function withAnchor(state: LedgerState, { anchorKey, cluster, path }: NodeState): LedgerState {
  return { ...state, anchorKeys: state.anchorKeys.set(toHex(anchorKey), { cluster, path }) }
}

/** An ancestor orders a node to rekey. */
export function applyRekeyOrdered(state: LedgerState, { author, body }: Placed<RekeyOrder>): Applied {
  const ancestor = anchorAuthor(state, author)
  if (!ancestor.ok) return rejected(state, ancestor.code)
  if (!isBelow(body.path, author.path)) return rejected(state, "NODE_NOT_BELOW")
  const node = clusterOf(state, author).nodes.get(body.path)
  if (node === undefined) return rejected(state, "NODE_UNKNOWN")
  if (node.generation !== body.generation) return rejected(state, "NODE_GENERATION_STALE")
  if (body.epoch <= Math.max(node.keys?.epoch ?? 0, node.orderedEpoch ?? 0)) return rejected(state, "REKEY_ORDER_STALE")
  return applied(withNode(state, { ...node, orderedEpoch: body.epoch }))
}

/** A node names the keys of its next epoch. */
export function applyRekey(
  primitives: Pick<Primitives, "ed25519">,
  state: LedgerState,
  entry: Placed<RekeyStatement> & {
    /** {@link rekeyDigest} of the statement, from the bytes that came. */
    readonly digest: Uint8Array
  },
): Applied {
  const { author, body, digest, index } = entry
  const node = anchorAuthor(state, author)
  if (!node.ok) return rejected(state, node.code)
  const reason = rekeyObjection(primitives, state, node.value, body)
  if (reason !== undefined) return rejected(state, reason)
  const { anchorKey, cluster, path } = node.value
  const { epoch, signingKey } = body.keys
  const changed = withNode(state, { ...node.value, keys: body.keys, lastRekey: digest })
  return applied({
    ...changed,
    signingKeys: changed.signingKeys.set(toHex(signingKey), { cluster, path, epoch, since: index, anchorKey }),
    anchorKeys: changed.anchorKeys.set(toHex(anchorKey), { cluster, path, lastKey: signingKey }),
  })
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
  const signingKey = toHex(rekey.keys.signingKey)
  if (state.signingKeys.has(signingKey) || state.bootKeys.has(signingKey)) return "REKEY_KEY_REUSED"
  if (!holdsSigningKey(primitives, rekey, node)) return "REKEY_POSSESSION_UNPROVED"
  return undefined
}
