import type { Primitives } from "@keygrove/crypto"
import {
  deriveAnchor,
  deriveEpoch,
  epochKeys,
  type ClusterId,
  type Epoch,
  type EpochSecrets,
  type Generation,
  type NodePath,
} from "@keygrove/hierarchy"
import type { Secret } from "@keygrove/base"
import type { NodeIdentity } from "@keygrove/service"

/** Where a node stands, without its keys. */
export interface NodePlace {
  readonly cluster: ClusterId
  readonly path: NodePath
  readonly generation: Generation
  readonly epoch: Epoch
}

/** What a running keystore holds: the secrets of the current epoch. s(node) is not among them. */
export interface UnlockedNode extends Disposable {
  readonly identity: NodeIdentity
  readonly secrets: EpochSecrets
}

/** Derives the current epoch from s(node), which stays the caller's to wipe at once. The result owns the epoch's secrets. */
export function unlockNode(primitives: Primitives, nodeSecret: Secret, place: NodePlace): UnlockedNode {
  const secrets = deriveEpoch(primitives, nodeSecret, place.epoch)
  using anchor = deriveAnchor(primitives, nodeSecret)
  const { cluster, path, generation } = place
  const identity = { cluster, path, generation, anchorKey: anchor.publicKey, keys: epochKeys(primitives, secrets) }
  return { identity, secrets, [Symbol.dispose]: () => secrets[Symbol.dispose]() }
}
