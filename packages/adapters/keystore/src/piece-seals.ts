import { setImmediate } from "node:timers/promises"
import { ok, refuse, type Refusal, type Result, type Secret } from "@keygrove/base"
import { sealedMessageRecipient, type KeyInfo } from "@keygrove/crypto"
import type { PieceIndex, PieceSeries } from "@keygrove/pieces"
import { openMessage, sealMessage, type PieceRecipient, type PieceRefusal, type SealedPiece, type StoredPiece } from "@keygrove/service"
import type { KeystoreTools } from "./engine.ts"
import type { NodeEpochs } from "./node-epochs.ts"
import type { UnlockedNode } from "./node-secrets.ts"
import { pieceParts, type NamedPiece } from "./piece-contexts.ts"
import { StorageVault } from "./storage-vault.ts"

const SEALING_KEY_BYTES = 32

/** How pieces travel and how they are kept: sealed, always. Borrows the node's secrets. */
export class PieceSeals implements Disposable {
  readonly #tools: KeystoreTools
  readonly #node: UnlockedNode
  readonly #epochs: NodeEpochs
  readonly #vault: StorageVault

  constructor(tools: KeystoreTools, node: UnlockedNode, epochs: NodeEpochs) {
    this.#tools = tools
    this.#node = node
    this.#epochs = epochs
    this.#vault = new StorageVault(tools, "keygrove/v1/stored-piece", () => epochs.all.map(({ storage }) => storage))
  }

  /** All pieces of a series, each sealed to its recipient. All at once would take seconds of the largest, in which nobody else is answered. */
  async sealAll(
    series: PieceSeries,
    recipients: readonly PieceRecipient[],
    contextFor: (index: PieceIndex) => KeyInfo,
  ): Promise<Result<readonly SealedPiece[], PieceRefusal>> {
    const sealed: SealedPiece[] = []
    for (const { index, sealingKey } of recipients) {
      await setImmediate()
      const piece = series.next()
      if (piece?.index !== index) throw new RangeError("there is a piece for each recipient, in their order")
      using value = piece.value
      const each = await this.seal(value, sealingKey, contextFor(index))
      if (!each.ok) return each
      sealed.push({ index, sealed: each.value })
    }
    return ok(sealed)
  }

  /** One piece, which is borrowed, sealed to its recipient and signed by this node. */
  async seal(piece: Secret, recipient: Uint8Array, context: KeyInfo): Promise<Result<Uint8Array, PieceRefusal>> {
    if (recipient.length !== SEALING_KEY_BYTES) return invalid(`sealing key has ${recipient.length} bytes; expected ${SEALING_KEY_BYTES}`)
    const { primitives, sealing } = this.#tools
    const sender = this.#node.identity.keys.signingKey
    const sign = (message: Uint8Array): Uint8Array => primitives.ed25519.sign(this.#node.secrets.signing, message)
    const sealed = await sealMessage({ sealing, sign }, { context, sender, recipient }, piece)
    return sealed.ok ? sealed : invalid(sealed.message)
  }

  /** Opens a message to this node, in whichever epoch its sender knew it. */
  async open(sealed: Uint8Array, sender: Uint8Array, context: KeyInfo): Promise<Result<Secret, PieceRefusal>> {
    const { primitives, sealing } = this.#tools
    const named = sealedMessageRecipient(sealed)
    const epoch = named?.length === SEALING_KEY_BYTES ? this.#epochs.withKey(named) : undefined
    const recipient = named !== undefined && epoch !== undefined ? named : this.#node.identity.keys.sealingKey
    const { sealing: secretKey } = epoch ?? this.#node.secrets
    const opened = await openMessage({ sealing, ed25519: primitives.ed25519, secretKey }, { context, sender, recipient }, sealed)
    return opened.ok ? opened : refuse("SEALED_MESSAGE_INVALID", opened.message)
  }

  /** A piece as this node keeps it; the value is borrowed. */
  store(piece: NamedPiece, value: Secret): Uint8Array {
    return this.#vault.seal(pieceParts(this.#tools.primitives, piece), value)
  }

  /** Opens a piece that this node keeps; belongs to the caller. */
  find(piece: StoredPiece): Result<Secret, PieceRefusal> {
    const value = this.#vault.open(pieceParts(this.#tools.primitives, piece), piece.stored)
    if (value !== undefined) return ok(value)
    return refuse(
      "PIECE_INVALID",
      `what is stored as piece ${piece.index} of ${piece.sharing.owner} was changed, or belongs to another sharing or node; its owner must share again`,
    )
  }

  [Symbol.dispose](): void {
    this.#vault[Symbol.dispose]()
  }
}

function invalid(message: string): Refusal<"KEYSTORE_REQUEST_INVALID"> {
  return refuse("KEYSTORE_REQUEST_INVALID", message)
}
