import { encodeCanonical, ok, type Result, type Secret } from "@keygrove/base"
import type { Primitives } from "@keygrove/crypto"
import {
  childPath,
  clusterIdOf,
  decodeEpoch,
  decodeGeneration,
  decodeNodeName,
  deriveAnchor,
  deriveChild,
  deriveEpoch,
  deriveRoot,
  makeRekey,
  noPreviousRekey,
  ROOT_PATH,
  type NodePlace,
} from "@keygrove/hierarchy"
import type { Statement } from "@keygrove/ledger"
import type { NodeIdentity } from "@keygrove/service"
import { unlockNode } from "../node-secrets.ts"
import { signEntry } from "./sign-entry.ts"

/** A node just founded: its secret (the caller's), where it stands, and the signed ledger entries that make it known. */
export interface FoundedNode {
  readonly nodeSecret: Secret
  readonly place: NodePlace
  readonly identity: NodeIdentity
  /** Encoded entries, in order: cluster, node certificate, rekey to epoch 1. Public. */
  readonly genesis: readonly Uint8Array[]
}

/** Derives the first generation of a child of the root and certifies it. `seed` is borrowed; the root's secrets are wiped before this returns. */
export function foundNode(primitives: Primitives, seed: Secret, name: string): Result<FoundedNode, "PATH_INVALID"> {
  const nodeName = decodeNodeName(name)
  if (!nodeName.ok) return nodeName
  const path = childPath(ROOT_PATH, name)
  if (!path.ok) return path
  const generation = decodeGeneration(1)
  const epoch = decodeEpoch(1)
  if (!generation.ok || !epoch.ok) throw new TypeError("the first generation and epoch are 1")
  using root = deriveRoot(primitives, seed)
  using rootAnchor = deriveAnchor(primitives, root)
  const cluster = clusterIdOf(primitives, rootAnchor.publicKey)
  const nodeSecret = deriveChild(primitives, root, { name: nodeName.value, generation: generation.value })
  const place = { cluster, path: path.value, generation: generation.value, epoch: epoch.value }
  using nodeAnchor = deriveAnchor(primitives, nodeSecret)
  using secrets = deriveEpoch(primitives, nodeSecret, place.epoch)
  using node = unlockNode(primitives, nodeSecret, place)
  const rekey = makeRekey(primitives, secrets, { ...place, previous: noPreviousRekey() })
  const byRoot = (statement: Statement): Uint8Array => signEntry(primitives, statement, { cluster, path: ROOT_PATH }, rootAnchor)
  const genesis = [
    byRoot({ kind: "cluster", body: { anchorKey: rootAnchor.publicKey } }),
    byRoot({ kind: "node", body: { path: path.value, generation: generation.value, anchorKey: nodeAnchor.publicKey } }),
    signEntry(primitives, { kind: "rekey", body: rekey }, place, nodeAnchor),
  ]
  return ok({ nodeSecret, place, identity: node.identity, genesis })
}

/** The file `genesis` of a home: canonical CBOR of the entries. */
export function encodeGenesis(entries: readonly Uint8Array[]): Uint8Array {
  return encodeCanonical([...entries])
}
