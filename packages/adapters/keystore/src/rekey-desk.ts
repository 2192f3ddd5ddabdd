import { equalBytes, ok, refuse, type Refusal, type Result, type Secret } from "@keygrove/base"
import {
  epochKeys,
  expandEpoch,
  holdsSigningKey,
  isSameNode,
  rekeyExchangeBytes,
  rekeySecretContext,
  type EpochKeys,
  type NodePlace,
} from "@keygrove/hierarchy"
import { verifyEntry } from "@keygrove/ledger"
import {
  openMessage,
  type KeystoreRefusal,
  type NodeIdentity,
  type PendingRekey,
  type PreparedRekey,
  type RekeyExchange,
} from "@keygrove/service"
import type { KeystoreTools } from "./engine.ts"
import { nextPlace, type NodeState, type UnlockedNode } from "./node-secrets.ts"

/** The keystore's side of a rekey: an exchange at a time, in memory only. Borrows the node. */
export class RekeyDesk implements Disposable {
  readonly #tools: KeystoreTools
  readonly #node: UnlockedNode
  readonly #keep: (state: NodeState) => void
  #exchange: { readonly secretKey: Secret; readonly publicKey: Uint8Array } | undefined

  /** @param keep writes down what the node is about to be, durably, before it is. */
  constructor(tools: KeystoreTools, node: UnlockedNode, keep: (state: NodeState) => void) {
    this.#tools = tools
    this.#node = node
    this.#keep = keep
  }

  async begin(): Promise<Result<RekeyExchange, KeystoreRefusal>> {
    const { identity, pending, secrets } = this.#node
    if (pending !== undefined) return alreadyPending(pending)
    const place: NodePlace = { ...identity, epoch: identity.keys.epoch }
    const next = nextPlace(place, identity.predecessors)
    if (!next.ok) return next
    const exchange = await this.#tools.sealing.generateKeyPair()
    using made = new DisposableStack()
    made.use(exchange.secretKey)
    // Fails when the keystore was locked meanwhile.
    const signature = this.#tools.primitives.ed25519.sign(secrets.signing, rekeyExchangeBytes(place, exchange.publicKey))
    made.move()
    this[Symbol.dispose]()
    this.#exchange = exchange
    return ok({ exchangeKey: exchange.publicKey, signature })
  }

  async accept({ entry, sealed }: PreparedRekey): Promise<Result<PendingRekey, KeystoreRefusal>> {
    const { primitives, sealing } = this.#tools
    const { identity, pending } = this.#node
    if (pending !== undefined) return alreadyPending(pending)
    if (this.#exchange === undefined) return invalid("no exchange is open; begin the rekey again")
    const next = nextPlace({ ...identity, epoch: identity.keys.epoch }, identity.predecessors)
    if (!next.ok) return next
    const place = next.value
    const keys = this.#keysOf(entry, place)
    if (!keys.ok) return keys
    const { publicKey, secretKey } = this.#exchange
    const parties = { context: rekeySecretContext(place), sender: identity.anchorKey, recipient: publicKey }
    const opened = await openMessage({ sealing, ed25519: primitives.ed25519, secretKey }, parties, sealed)
    if (!opened.ok) return invalid(`the secret of epoch ${place.epoch}: ${opened.message}`)
    using epochSecret = opened.value
    if (epochSecret.length !== 32) return invalid(`the secret of epoch ${place.epoch} has ${epochSecret.length} bytes; expected 32`)
    // Another call was faster while this one opened its message.
    if (this.#node.pending !== undefined) return alreadyPending(this.#node.pending)
    using partial = new DisposableStack()
    const secrets = partial.use(expandEpoch(primitives, epochSecret, place.epoch))
    if (!areSameKeys(epochKeys(primitives, secrets), keys.value))
      return invalid(`the statement names other keys of epoch ${place.epoch} than were sealed`)
    const rekey = { keys: keys.value, entry: Uint8Array.from(entry) }
    const prepared = { secrets, rekey }
    this.#keep({ ...this.#node.state, next: prepared })
    this.#node.prepare(prepared)
    partial.move()
    this[Symbol.dispose]()
    return ok(rekey)
  }

  finish(): Result<NodeIdentity, KeystoreRefusal> {
    const { advanced } = this.#node
    if (advanced !== undefined) this.#keep(advanced)
    const identity = this.#node.advance()
    return identity === undefined
      ? refuse("REKEY_NOT_PENDING", `no next epoch is prepared; the node is in epoch ${this.#node.identity.keys.epoch}`)
      : ok(identity)
  }

  /** Ends the exchange that is open. */
  [Symbol.dispose](): void {
    this.#exchange?.secretKey[Symbol.dispose]()
    this.#exchange = undefined
  }

  #keysOf(bytes: Uint8Array, place: NodePlace): Result<EpochKeys, "REKEY_EXCHANGE_INVALID"> {
    const entry = verifyEntry(this.#tools.primitives, bytes)
    if (!entry.ok) return invalid(entry.message)
    const { author, statement } = entry.value
    if (statement?.kind !== "rekey") return invalid(`its entry is a ${entry.value.kind} statement, not a rekey`)
    const { generation, keys } = statement.body
    if (!isSameNode(author, place) || !equalBytes(author.key, this.#node.identity.anchorKey) || generation !== place.generation)
      return invalid(`its statement is not by the anchor of ${place.path}, generation ${place.generation}`)
    if (keys.epoch !== place.epoch) return invalid(`its statement is for epoch ${keys.epoch}; the next one is ${place.epoch}`)
    if (!holdsSigningKey(this.#tools.primitives, statement.body, author))
      return invalid("its statement does not prove possession of the new key")
    return ok(keys)
  }
}

function areSameKeys(mine: EpochKeys, named: EpochKeys): boolean {
  const names = ["signingKey", "encryptionKey", "sealingKey", "delegationKey"] as const
  return names.every((name) => equalBytes(mine[name], named[name]))
}

function alreadyPending({ keys }: PendingRekey): Refusal<"REKEY_PENDING"> {
  return refuse("REKEY_PENDING", `epoch ${keys.epoch} is prepared and counts when its statement is on the ledger; wait for that`)
}

function invalid(message: string): Refusal<"REKEY_EXCHANGE_INVALID"> {
  return refuse("REKEY_EXCHANGE_INVALID", `what the ceremony prepared is refused: ${message}`)
}
