import { ok, refuse, unwrap, type Result, type Secret } from "@keygrove/base"
import type { Primitives } from "@keygrove/crypto"
import {
  decodeEpoch,
  deriveAnchor,
  deriveEpoch,
  deriveReading,
  epochKeys,
  retireEpoch,
  type Epoch,
  type EpochSecrets,
  type NodePlace,
  type ReadingSecrets,
} from "@keygrove/hierarchy"
import type { NodeIdentity, PendingRekey } from "@keygrove/service"

/**
 * Epochs of which a running keystore has the secrets, the current one included: those before it need 160 bytes and about 0.4 ms of deriving each. A node that rekeys every
 * week gets there in twenty years, and is given a new generation then.
 */
export const MAX_EPOCHS_AT_HAND = 1_024

/** The next epoch of a node, whole, and the statement that makes it count. */
export interface NextEpoch {
  readonly secrets: EpochSecrets
  readonly rekey: PendingRekey
}

/** What a running keystore holds, and owns: the secrets of the current epoch, of earlier ones what opens old data, and a next one that is prepared. s(node) is not among them. */
export class UnlockedNode implements Disposable {
  #identity: NodeIdentity
  #secrets: EpochSecrets
  #earlier: readonly ReadingSecrets[]
  #next: NextEpoch | undefined

  /** @param earlier of the epochs before the current one, newest first. */
  constructor(identity: NodeIdentity, secrets: EpochSecrets, earlier: readonly ReadingSecrets[]) {
    this.#identity = identity
    this.#secrets = secrets
    this.#earlier = earlier
  }

  get identity(): NodeIdentity {
    return this.#identity
  }

  get secrets(): EpochSecrets {
    return this.#secrets
  }

  get earlier(): readonly ReadingSecrets[] {
    return this.#earlier
  }

  get pending(): PendingRekey | undefined {
    return this.#next?.rekey
  }

  /** Keeps the next epoch, and owns it, until {@link UnlockedNode.advance}. */
  prepare(next: NextEpoch): void {
    if (this.#next !== undefined) throw new TypeError("an epoch is pending already")
    this.#next = next
  }

  /** Goes on to the next epoch; of the one that was current, what signs is wiped. `undefined` when none was prepared. */
  advance(): NodeIdentity | undefined {
    if (this.#next === undefined) return undefined
    const { rekey, secrets } = this.#next
    this.#next = undefined
    this.#earlier = [retireEpoch(this.#secrets), ...this.#earlier]
    this.#secrets = secrets
    this.#identity = { ...this.#identity, keys: rekey.keys }
    return this.#identity
  }

  [Symbol.dispose](): void {
    for (const each of [this.#secrets, this.#next?.secrets, ...this.#earlier]) each?.[Symbol.dispose]()
  }
}

/** Derives the epochs from s(node), which stays the caller's to wipe at once. The result owns their secrets. */
export function unlockNode(primitives: Primitives, nodeSecret: Secret, place: NodePlace): UnlockedNode {
  using partial = new DisposableStack()
  const secrets = partial.use(deriveEpoch(primitives, nodeSecret, place.epoch))
  const earlier = earlierEpochs(place.epoch).map((epoch) => partial.use(deriveReading(primitives, nodeSecret, epoch)))
  using anchor = deriveAnchor(primitives, nodeSecret)
  const { cluster, path, generation } = place
  const identity = { cluster, path, generation, anchorKey: anchor.publicKey, keys: epochKeys(primitives, secrets) }
  partial.move()
  return new UnlockedNode(identity, secrets, earlier)
}

/** The place of a node in its next epoch, unless a keystore could not keep its oldest data readable then. */
export function nextPlace({ cluster, epoch, generation, path }: NodePlace): Result<NodePlace, "REKEY_EPOCHS_EXHAUSTED"> {
  if (epoch < MAX_EPOCHS_AT_HAND) return ok({ cluster, path, generation, epoch: unwrap(decodeEpoch(epoch + 1)) })
  return refuse(
    "REKEY_EPOCHS_EXHAUSTED",
    `${path} is in epoch ${epoch}, the last that a keystore keeps at hand; have a new generation made with \`keygrove node replace\``,
  )
}

function earlierEpochs(current: Epoch): readonly Epoch[] {
  const count = Math.min(current, MAX_EPOCHS_AT_HAND) - 1
  return Array.from({ length: count }, (_, index) => unwrap(decodeEpoch(current - 1 - index)))
}
