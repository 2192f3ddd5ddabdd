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

/** What opens data of a node that this one was, newest epoch first. */
export interface PredecessorEpochs {
  readonly place: NodePlace
  readonly epochs: readonly ReadingSecrets[]
}

/** A node that this one was below a root that was replaced, with its s(node) and its last epoch. */
export interface Predecessor {
  readonly place: NodePlace
  readonly nodeSecret: Secret
}

/** What is in the memory of a running keystore at one moment. All secrets are the node's. */
export interface NodeState {
  readonly identity: NodeIdentity
  readonly secrets: EpochSecrets
  /** Of the epochs before the current one, newest first. */
  readonly earlier: readonly ReadingSecrets[]
  /** Newest first. */
  readonly predecessors: readonly PredecessorEpochs[]
  readonly next?: NextEpoch
}

/** What a running keystore holds, and owns: the secrets of the current epoch, of earlier ones and of predecessors what opens old data, and a next one that is prepared. s(node) is not among them. */
export class UnlockedNode implements Disposable {
  #identity: NodeIdentity
  #secrets: EpochSecrets
  #earlier: readonly ReadingSecrets[]
  #next: NextEpoch | undefined
  readonly #predecessors: readonly PredecessorEpochs[]

  /**
   * @param reading of the epochs before the current one, newest first.
   * @param predecessors newest first.
   */
  constructor(
    identity: NodeIdentity,
    secrets: EpochSecrets,
    { predecessors = [], reading }: { readonly reading: readonly ReadingSecrets[]; readonly predecessors?: readonly PredecessorEpochs[] },
  ) {
    this.#identity = identity
    this.#secrets = secrets
    this.#earlier = reading
    this.#predecessors = predecessors
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

  /** What opens of the node's predecessors, the newest first. */
  get predecessors(): readonly PredecessorEpochs[] {
    return this.#predecessors
  }

  get pending(): PendingRekey | undefined {
    return this.#next?.rekey
  }

  /** All of it as it is now, borrowed. */
  get state(): NodeState {
    const state = { identity: this.#identity, secrets: this.#secrets, earlier: this.#earlier, predecessors: this.#predecessors }
    return this.#next === undefined ? state : { ...state, next: this.#next }
  }

  /** As it will be after {@link UnlockedNode.advance}, borrowed; `undefined` when no epoch is prepared. */
  get advanced(): NodeState | undefined {
    if (this.#next === undefined) return undefined
    const { rekey, secrets } = this.#next
    const identity = { ...this.#identity, keys: rekey.keys }
    return { identity, secrets, earlier: [this.#secrets, ...this.#earlier], predecessors: this.#predecessors }
  }

  /** Keeps the next epoch, and owns it, until {@link UnlockedNode.advance}. */
  prepare(next: NextEpoch): void {
    if (this.#next !== undefined) throw new TypeError("an epoch is pending already")
    this.#next = next
  }

  /** Goes on to the next epoch; of the one that was current, what signs is wiped. `undefined` when none was prepared. */
  advance(): NodeIdentity | undefined {
    const after = this.advanced
    if (after === undefined) return undefined
    this.#next = undefined
    this.#earlier = [retireEpoch(this.#secrets), ...this.#earlier]
    this.#secrets = after.secrets
    this.#identity = after.identity
    return after.identity
  }

  [Symbol.dispose](): void {
    const reading = [...this.#earlier, ...this.#predecessors.flatMap(({ epochs }) => epochs)]
    for (const each of [this.#secrets, this.#next?.secrets, ...reading]) each?.[Symbol.dispose]()
  }
}

/** Derives the epochs from s(node), and those of predecessors, newest first, which all stay the caller's to wipe at once. The result owns their secrets. */
export function unlockNode(
  primitives: Primitives,
  nodeSecret: Secret,
  place: NodePlace,
  predecessors: readonly Predecessor[] = [],
): UnlockedNode {
  using partial = new DisposableStack()
  const secrets = partial.use(deriveEpoch(primitives, nodeSecret, place.epoch))
  let room = MAX_EPOCHS_AT_HAND - 1
  const reading = (from: Secret, newest: number): readonly ReadingSecrets[] => {
    const epochs = epochsUpTo(newest, room)
    room -= epochs.length
    return epochs.map((epoch) => partial.use(deriveReading(primitives, from, epoch)))
  }
  const earlier = reading(nodeSecret, place.epoch - 1)
  const older = predecessors.map((each) => ({ place: each.place, epochs: reading(each.nodeSecret, each.place.epoch) }))
  using anchor = deriveAnchor(primitives, nodeSecret)
  const { cluster, path, generation } = place
  const keys = epochKeys(primitives, secrets)
  const places = predecessors.map((each) => each.place)
  const identity = { cluster, path, generation, anchorKey: anchor.publicKey, keys, predecessors: places }
  partial.move()
  return new UnlockedNode(identity, secrets, { reading: earlier, predecessors: older })
}

/** The place of a node in its next epoch, unless a keystore could not keep its oldest data readable then, that of its predecessors included. */
export function nextPlace(
  { cluster, epoch, generation, path }: NodePlace,
  predecessors: readonly Pick<NodePlace, "epoch">[],
): Result<NodePlace, "REKEY_EPOCHS_EXHAUSTED"> {
  const older = predecessors.reduce((sum, each) => sum + each.epoch, 0)
  if (epoch + older < MAX_EPOCHS_AT_HAND) return ok({ cluster, path, generation, epoch: unwrap(decodeEpoch(epoch + 1)) })
  return refuse(
    "REKEY_EPOCHS_EXHAUSTED",
    `${path} is in epoch ${epoch}${older === 0 ? "" : ` after ${older} below earlier roots`}, the last that a keystore keeps at hand; have a new generation made with \`keygrove node replace\``,
  )
}

/** From the newest down, at most so many. */
function epochsUpTo(newest: number, limit: number): readonly Epoch[] {
  return Array.from({ length: Math.min(newest, limit) }, (_, index) => unwrap(decodeEpoch(newest - index)))
}
