import { ok, refuse, toHex, type Result } from "@keygrove/base"
import type { Primitives } from "@keygrove/crypto"
import type { ClusterId, Epoch, ReadingSecrets } from "@keygrove/hierarchy"
import type { UnlockedNode } from "./node-secrets.ts"

/** Finds the epoch that old data was made in, also one of a predecessor, by its number or by the public key that the data names. Borrows the node's secrets. */
export class NodeEpochs {
  readonly #primitives: Primitives
  readonly #node: UnlockedNode
  /** Filled when something of an earlier epoch is first asked for; as many as there are epochs. */
  readonly #byKey: Map<string, ReadingSecrets> = new Map()
  /** Epochs that {@link NodeEpochs.#byKey} has. */
  #known = 0

  /** Whether {@link NodeEpochs.#byKey} has those of predecessors. */
  #knowsPredecessors = false

  constructor(primitives: Primitives, node: UnlockedNode) {
    this.#primitives = primitives
    this.#node = node
  }

  /** All that are at hand, the current one first, those of the oldest predecessor last. */
  get all(): readonly ReadingSecrets[] {
    return [this.#node.secrets, ...this.#node.earlier, ...this.#older]
  }

  /** The epoch with this number, of the predecessor in `cluster` when one is given that is not the node's own. */
  at(epoch: Epoch, cluster?: ClusterId): Result<ReadingSecrets, "KEYSTORE_REQUEST_INVALID"> {
    if (cluster !== undefined && cluster !== this.#node.identity.cluster) return this.#of(cluster, epoch)
    const { epoch: current } = this.#node.secrets
    const age = current - epoch
    if (age < 0) return refuse("KEYSTORE_REQUEST_INVALID", `epoch ${epoch} is not at hand; the node is in epoch ${current}`)
    const secrets = age === 0 ? this.#node.secrets : this.#node.earlier[age - 1]
    if (secrets !== undefined) return ok(secrets)
    const oldest = current - this.#node.earlier.length
    return refuse("KEYSTORE_REQUEST_INVALID", `epoch ${epoch} is too long ago; the keystore has epochs ${oldest} to ${current} at hand`)
  }

  /** The epoch with this encryption key (33 bytes) or sealing key (32 bytes), when it is one of this node's. */
  withKey(publicKey: Uint8Array): ReadingSecrets | undefined {
    const { keys } = this.#node.identity
    const hex = toHex(publicKey)
    if (hex === toHex(keys.encryptionKey) || hex === toHex(keys.sealingKey)) return this.#node.secrets
    const { earlier } = this.#node
    // Newest first: a rekey puts one more in front.
    for (const secrets of earlier.slice(0, earlier.length - this.#known))
      for (const key of this.#publicKeysOf(secrets)) this.#byKey.set(key, secrets)
    this.#known = earlier.length
    if (!this.#knowsPredecessors)
      for (const secrets of this.#older) for (const key of this.#publicKeysOf(secrets)) this.#byKey.set(key, secrets)
    this.#knowsPredecessors = true
    return this.#byKey.get(hex)
  }

  get #older(): readonly ReadingSecrets[] {
    return this.#node.predecessors.flatMap(({ epochs }) => epochs)
  }

  #of(cluster: ClusterId, epoch: Epoch): Result<ReadingSecrets, "KEYSTORE_REQUEST_INVALID"> {
    const predecessor = this.#node.predecessors.find(({ place }) => place.cluster === cluster)
    const secrets = predecessor?.epochs.find((each) => each.epoch === epoch)
    if (secrets !== undefined) return ok(secrets)
    const was = predecessor === undefined ? "it was never in that cluster" : `it was there up to epoch ${predecessor.place.epoch}`
    return refuse("KEYSTORE_REQUEST_INVALID", `the node has no epoch ${epoch} of cluster ${cluster.slice(0, 16)} at hand; ${was}`)
  }

  #publicKeysOf({ encryption, sealing }: ReadingSecrets): readonly string[] {
    const { curve, x25519 } = this.#primitives
    return [toHex(curve.encodePoint(curve.basePointTimesSecret(encryption))), toHex(x25519.publicKey(sealing))]
  }
}
