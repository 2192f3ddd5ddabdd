import { unwrap, type Secret } from "@keygrove/base"
import type { Primitives } from "@keygrove/crypto"
import {
  decodeEpoch,
  deriveAnchor,
  deriveEpoch,
  deriveReading,
  epochKeys,
  type ClusterId,
  type Epoch,
  type EpochSecrets,
  type Generation,
  type NodePath,
  type ReadingSecrets,
} from "@keygrove/hierarchy"
import type { NodeIdentity } from "@keygrove/service"

/** Where a node stands, without its keys. */
export interface NodePlace {
  readonly cluster: ClusterId
  readonly path: NodePath
  readonly generation: Generation
  readonly epoch: Epoch
}

/**
 * Epochs of which a running keystore has the secrets, the current one included: those before it need 160 bytes and about 0.4 ms of deriving each. A node that rekeys every
 * week gets there in twenty years, and is given a new generation then.
 */
export const MAX_EPOCHS_AT_HAND = 1_024

/** What a running keystore holds: the secrets of the current epoch, and of earlier ones what opens old data. s(node) is not among them. */
export interface UnlockedNode extends Disposable {
  readonly identity: NodeIdentity
  readonly secrets: EpochSecrets
  /** Of the epochs before the current one, newest first. */
  readonly earlier: readonly ReadingSecrets[]
}

/** Derives the epochs from s(node), which stays the caller's to wipe at once. The result owns their secrets. */
export function unlockNode(primitives: Primitives, nodeSecret: Secret, place: NodePlace): UnlockedNode {
  using partial = new DisposableStack()
  const secrets = partial.use(deriveEpoch(primitives, nodeSecret, place.epoch))
  const earlier = earlierEpochs(place.epoch).map((epoch) => partial.use(deriveReading(primitives, nodeSecret, epoch)))
  using anchor = deriveAnchor(primitives, nodeSecret)
  const { cluster, path, generation } = place
  const identity = { cluster, path, generation, anchorKey: anchor.publicKey, keys: epochKeys(primitives, secrets) }
  const owned = partial.move()
  return { identity, secrets, earlier, [Symbol.dispose]: () => owned.dispose() }
}

function earlierEpochs(current: Epoch): readonly Epoch[] {
  const count = Math.min(current, MAX_EPOCHS_AT_HAND) - 1
  return Array.from({ length: count }, (_, index) => unwrap(decodeEpoch(current - 1 - index)))
}
