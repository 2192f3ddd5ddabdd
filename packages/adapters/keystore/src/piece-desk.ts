import { setImmediate } from "node:timers/promises"
import { ok, refuse, type Refusal, type Result } from "@keygrove/base"
import { randomScalar, type KeyInfo } from "@keygrove/crypto"
import {
  beginSharing,
  combineSubpieces,
  decodeCommitments,
  encodeCommitments,
  provePossession,
  sharingIdOf,
  verifyPiece,
  type Commitments,
  type Contribution as OpenedContribution,
  type PieceIndex,
  type SharingTools,
} from "@keygrove/pieces"
import {
  type BootKeys,
  type Contribution,
  type PieceAcceptance,
  type PieceRefusal,
  type PieceReturn,
  type PreparedSharing,
  type SharingOrder,
  type StorageSlot,
  type StoredPiece,
  type CallOptions,
  type SubpieceCombination,
  type SubshareOrder,
  type Subsharing,
} from "@keygrove/service"
import { deriveBootKeys, type BootSecretSource } from "./boot-key.ts"
import type { KeystoreTools } from "./engine.ts"
import type { NodeEpochs } from "./node-epochs.ts"
import type { UnlockedNode } from "./node-secrets.ts"
import { pieceContext, returnContext, subpieceContext } from "./piece-contexts.ts"
import { PieceSeals } from "./piece-seals.ts"
import type { RunKeeper } from "./run-keeper.ts"

/** Bytes of what names an unlocking, and of a challenge. */
const NUMBER_BYTES = 32

/** Where a keystore that pieces can open has what is needed for that. */
export interface PieceMeans {
  readonly runs: RunKeeper
  /** Absent in a keystore that was told of no boot secret: it shares nothing. */
  readonly boot?: BootSecretSource
}

/** What such a desk works for. All of it is borrowed. */
export interface PieceDeskSources {
  readonly node: UnlockedNode
  readonly epochs: NodeEpochs
  /** Absent in a keystore without a store. */
  readonly means?: PieceMeans
}

/** What the keystore does with storage keys and pieces: as owner, as holder, and as old and new holder of a sharing that moves. Borrows the node's secrets. */
export class PieceDesk implements Disposable {
  readonly #tools: KeystoreTools
  readonly #node: UnlockedNode
  readonly #means: PieceMeans | undefined
  readonly #seals: PieceSeals
  /** The public keys of a boot secret that is slow to open. */
  #known: { readonly stamp: string; readonly keys: BootKeys } | undefined

  constructor(tools: KeystoreTools, { epochs, means, node }: PieceDeskSources) {
    this.#tools = tools
    this.#node = node
    this.#means = means
    this.#seals = new PieceSeals(tools, node, epochs)
  }

  async bootKeys(options: CallOptions): Promise<Result<BootKeys, PieceRefusal>> {
    const boot = this.#means?.boot
    if (boot === undefined) return invalid("the keystore was started without a boot key; start it with --boot-key")
    const stamp = boot.stamp()
    if (stamp !== undefined && this.#known?.stamp === stamp) return ok(this.#known.keys)
    const secret = await boot.open({ make: true, ...options })
    if (!secret.ok) return secret
    using bootSecret = secret.value
    using pair = deriveBootKeys(this.#tools.primitives, bootSecret)
    this.#known = stamp === undefined ? undefined : { stamp, keys: pair.keys }
    return ok(pair.keys)
  }

  slots(): Result<readonly StorageSlot[], PieceRefusal> {
    return ok(this.#means?.runs.slots() ?? [])
  }

  keepSlots(publicKeys: readonly Uint8Array[]): Result<true, PieceRefusal> {
    this.#means?.runs.keepSlots(publicKeys, this.#node.state)
    return ok(true)
  }

  /** As owner: a storage key, its pieces and, before anybody hears of these, its slot. */
  async share({ generation, recipients, threshold }: SharingOrder, options: CallOptions): Promise<Result<PreparedSharing, PieceRefusal>> {
    // Nobody could ask for the pieces without a boot key.
    const boot = await this.bootKeys(options)
    if (!boot.ok) return boot
    const { curve } = this.#tools.primitives
    const { cluster, path: owner } = this.#node.identity
    using storageKey = randomScalar(this.#sharingTools())
    const begun = beginSharing(this.#sharingTools(), { secret: storageKey, threshold, indices: recipients.map(({ index }) => index) })
    if (!begun.ok) return begun
    using series = begun.value
    const commitments = encodeCommitments(curve, series.commitments)
    const sharing = { cluster, owner, generation, commitments }
    const pieces = await this.#seals.sealAll(series, recipients, (index) => pieceContext(this.#tools.primitives, { sharing, index }))
    if (!pieces.ok) return pieces
    const [publicKey] = commitments
    if (this.#means === undefined || publicKey === undefined) throw new TypeError("a sharing has commitments, and its keystore a store")
    const added = this.#means.runs.addSlot({ generation, publicKey, storageKey }, this.#node.state)
    return added.ok ? ok({ commitments, pieces: pieces.value }) : added
  }

  /** As holder: what it keeps of a piece. */
  async accept(acceptance: PieceAcceptance): Promise<Result<Uint8Array, PieceRefusal>> {
    const commitments = this.#commitmentsOf(acceptance.sharing.commitments)
    if (!commitments.ok) return commitments
    const opened = await this.#seals.open(acceptance.sealed, acceptance.ownerSigningKey, pieceContext(this.#tools.primitives, acceptance))
    if (!opened.ok) return opened
    using piece = opened.value
    if (!verifyPiece(this.#tools.primitives.curve, commitments.value, acceptance.index, piece))
      return refuse(
        "PIECE_INVALID",
        `piece ${acceptance.index} of ${acceptance.sharing.owner} does not match the sharing's commitments; its owner must share again`,
      )
    return ok(this.#seals.store(acceptance, piece))
  }

  /** As holder: a piece to its owner's boot key. */
  async give(order: PieceReturn): Promise<Result<Uint8Array, PieceRefusal>> {
    const { ownerSealingKey, request } = order
    if (request.length !== NUMBER_BYTES) return invalid(`request has ${request.length} bytes; expected ${NUMBER_BYTES}`)
    const found = this.#seals.find(order)
    if (!found.ok) return found
    using piece = found.value
    return await this.#seals.seal(piece, ownerSealingKey, returnContext(this.#tools.primitives, order, request))
  }

  /** As holder: that it has a piece. */
  prove({ challenge, ...order }: StoredPiece & { readonly challenge: Uint8Array }): Result<Uint8Array, PieceRefusal> {
    if (challenge.length !== NUMBER_BYTES) return invalid(`challenge has ${challenge.length} bytes; expected ${NUMBER_BYTES}`)
    const commitments = this.#commitmentsOf(order.sharing.commitments)
    if (!commitments.ok) return commitments
    const found = this.#seals.find(order)
    if (!found.ok) return found
    using piece = found.value
    const { cluster, generation, owner } = order.sharing
    const sharing = sharingIdOf(this.#tools.primitives, {
      owner: { cluster, path: owner },
      generation,
      commitments: order.sharing.commitments,
    })
    const tools = { ...this.#tools.primitives, random: this.#tools.random }
    return ok(provePossession(tools, { sharing, commitments: commitments.value, index: order.index, challenge }, piece))
  }

  /** As old holder: its piece, shared among new ones. */
  async subshare(order: SubshareOrder): Promise<Result<Subsharing, PieceRefusal>> {
    const { index: fromIndex, recipients, sharing, threshold, to } = order
    const found = this.#seals.find(order)
    if (!found.ok) return found
    using secret = found.value
    const begun = beginSharing(this.#sharingTools(), { secret, threshold, indices: recipients.map(({ index }) => index) })
    if (!begun.ok) return begun
    using series = begun.value
    const owner = { cluster: sharing.cluster, path: sharing.owner }
    const contextFor = (toIndex: PieceIndex): KeyInfo => subpieceContext({ owner, from: sharing.generation, to, fromIndex, toIndex })
    const subpieces = await this.#seals.sealAll(series, recipients, contextFor)
    if (!subpieces.ok) return subpieces
    return ok({ commitments: encodeCommitments(this.#tools.primitives.curve, series.commitments), subpieces: subpieces.value })
  }

  /** As new holder: its piece of the sharing that moved, and the commitments of that. */
  async combine(
    order: SubpieceCombination,
  ): Promise<Result<{ readonly stored: Uint8Array; readonly commitments: readonly Uint8Array[] }, PieceRefusal>> {
    const { curve } = this.#tools.primitives
    const from = this.#commitmentsOf(order.from.commitments)
    if (!from.ok) return from
    using opened = new DisposableStack()
    const contributions: OpenedContribution[] = []
    for (const contribution of order.contributions) {
      await setImmediate()
      const each = await this.#openContribution(order, contribution)
      if (!each.ok) return each
      opened.use(each.value.subpiece)
      contributions.push(each.value)
    }
    const combined = combineSubpieces(curve, { from: from.value, threshold: order.threshold, index: order.index, contributions })
    if (!combined.ok) return combined
    using piece = combined.value.piece
    const commitments = encodeCommitments(curve, combined.value.commitments)
    const sharing = { ...order.from, generation: order.to, commitments }
    return ok({ stored: this.#seals.store({ sharing, index: order.index }, piece), commitments })
  }

  [Symbol.dispose](): void {
    this.#seals[Symbol.dispose]()
  }

  /** What is wrong with one names its old holder: whoever coordinates goes on without it. */
  async #openContribution(
    { from, index: toIndex, to }: SubpieceCombination,
    { commitments, index, sealed, signingKey }: Contribution,
  ): Promise<Result<OpenedContribution, PieceRefusal>> {
    const points = this.#commitmentsOf(commitments)
    if (!points.ok) return lie(index, points.message)
    const owner = { cluster: from.cluster, path: from.owner }
    const context = subpieceContext({ owner, from: from.generation, to, fromIndex: index, toIndex })
    const opened = await this.#seals.open(sealed, signingKey, context)
    return opened.ok ? ok({ index, commitments: points.value, subpiece: opened.value }) : lie(index, opened.message)
  }

  #commitmentsOf(encoded: readonly Uint8Array[]): Result<Commitments, "SHARING_INVALID"> {
    return decodeCommitments(this.#tools.primitives.curve, encoded)
  }

  #sharingTools(): SharingTools {
    return { curve: this.#tools.primitives.curve, random: this.#tools.random }
  }
}

function lie(index: PieceIndex, reason: string): Refusal<"SUBPIECE_INVALID"> {
  return refuse("SUBPIECE_INVALID", `what the old holder with index ${index} gave is refused: ${reason}`, { index })
}

function invalid(message: string): Refusal<"KEYSTORE_REQUEST_INVALID"> {
  return refuse("KEYSTORE_REQUEST_INVALID", message)
}
