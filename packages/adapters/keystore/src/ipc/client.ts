import type { Duplex } from "node:stream"
import { ok, refuse, type CborValue, type Refusal, type Result } from "@keygrove/base"
import type {
  CallOptions,
  Keystore,
  KeystoreRefusal,
  NamedKeyRefusal,
  NamedKeys,
  NodeIdentity,
  PendingRekey,
  PieceKeys,
  PieceRefusal,
} from "@keygrove/service"
import { RekeyListeners } from "../rekey-listeners.ts"
import { encodeFrame } from "./frames.ts"
import { namedKeysOver } from "./keys-client.ts"
import {
  decodeAnswer,
  decodeGreetingValue,
  decodeValue,
  encodeRequest,
  labelKeyValue,
  type Greeting,
  type KeystoreAnswers,
  type KeystoreMethod,
} from "./messages.ts"
import { pieceKeysOver } from "./pieces-client.ts"
import { framesOf } from "./socket-frames.ts"

/** Requests under way at once; more are refused here already. */
const MAX_PENDING = 256
/** What changes the client's own view of the keystore. */
const CHANGING: ReadonlySet<KeystoreMethod> = new Set(["lock", "acceptRekey", "finishRekey"])

/** The keystore as the daemon sees it: public values in, public or sealed values out, over the socket to the keystore process. */
export class KeystoreClient implements Keystore, PieceKeys {
  readonly #socket: Duplex
  readonly #listeners = new RekeyListeners()
  #identity: NodeIdentity
  #pendingRekey: PendingRekey | undefined
  readonly #pending: Map<number, (answer: Result<CborValue>) => void> = new Map()
  readonly #ended: Promise<void>
  #state: "unlocked" | "locked" | "gone" = "unlocked"
  #lastId = 0
  /** Requests under way, by id, whose answer changes what is known here. */
  readonly #changes: Map<number, KeystoreMethod> = new Map()

  private constructor(socket: Duplex, { identity, pendingRekey }: Greeting, frames: AsyncIterator<Uint8Array>) {
    this.#socket = socket
    this.#identity = identity
    this.#pendingRekey = pendingRekey ?? undefined
    this.#ended = this.#receive(frames)
  }

  /**
   * Waits for the greeting of a keystore process: its identity once it is unlocked, or why it cannot be.
   * @param frames of the socket, when some have been read already.
   */
  static async greet(socket: Duplex, frames: AsyncIterator<Uint8Array> = framesOf(socket)): Promise<Result<KeystoreClient>> {
    const greeting = await readGreeting(frames)
    if (!greeting.ok) return greeting
    const told = decodeGreetingValue(greeting.value)
    return told.ok ? ok(new KeystoreClient(socket, told.value, frames)) : told
  }

  /** Resolves when the keystore process has ended or closed its socket. */
  get ended(): Promise<void> {
    return this.#ended
  }

  state(): "unlocked" | "locked" | "gone" {
    return this.#state
  }

  identity(): NodeIdentity {
    return this.#identity
  }

  /** The named keys of the same process. */
  readonly keys: NamedKeys = namedKeysOver(async (method, params, options) => await this.#call(method, params, options))

  readonly #pieces: PieceKeys = pieceKeysOver(async (method, params, options) => await this.#call(method, params, options))

  bootKeys: PieceKeys["bootKeys"] = this.#pieces.bootKeys
  slots: PieceKeys["slots"] = this.#pieces.slots
  share: PieceKeys["share"] = this.#pieces.share
  keepSlots: PieceKeys["keepSlots"] = this.#pieces.keepSlots
  acceptPiece: PieceKeys["acceptPiece"] = this.#pieces.acceptPiece
  returnPiece: PieceKeys["returnPiece"] = this.#pieces.returnPiece
  provePiece: PieceKeys["provePiece"] = this.#pieces.provePiece
  subshare: PieceKeys["subshare"] = this.#pieces.subshare
  combineSubpieces: PieceKeys["combineSubpieces"] = this.#pieces.combineSubpieces
  delegateStart: PieceKeys["delegateStart"] = this.#pieces.delegateStart
  delegatedStart: PieceKeys["delegatedStart"] = this.#pieces.delegatedStart
  endDelegatedStart: PieceKeys["endDelegatedStart"] = this.#pieces.endDelegatedStart

  sign: Keystore["sign"] = async (purpose, message, options) => await this.#call("sign", { purpose, message }, options)

  labelPublicKey: Keystore["labelPublicKey"] = async (name, options) => await this.#call("labelPublicKey", labelKeyValue(name), options)

  openOriginal: Keystore["openOriginal"] = async ({ capsule, headerDigest, recipientKey, ...name }, options) =>
    await this.#call("openOriginal", { ...labelKeyValue(name), capsule, headerDigest, recipientKey }, options)

  generateFragments: Keystore["generateFragments"] = async ({ policyId, readerKey, recipients, threshold, ...name }, options) => {
    const keys = recipients.map(({ signingKey, sealingKey }) => ({ signingKey, sealingKey }))
    const order = { ...labelKeyValue(name), policyId, readerKey, threshold, recipients: keys }
    return await this.#call("generateFragments", order, options)
  }

  acceptFragment: Keystore["acceptFragment"] = async ({ policyId, sealed, ownerSigningKey, delegationKey, labelKey, readerKey }, options) =>
    await this.#call("acceptFragment", { policyId, sealed, ownerSigningKey, delegationKey, labelKey, readerKey }, options)

  reencrypt: Keystore["reencrypt"] = async ({ policyId, stored, capsule }, options) =>
    await this.#call("reencrypt", { policyId, stored, capsule }, options)

  openReencrypted: Keystore["openReencrypted"] = async (
    { capsule, capsuleFragments, labelKey, delegationKey, readerKey, headerDigest, recipientKey },
    options,
  ) =>
    await this.#call(
      "openReencrypted",
      { capsule, capsuleFragments, labelKey, delegationKey, readerKey, headerDigest, recipientKey },
      options,
    )

  pendingRekey(): PendingRekey | undefined {
    return this.#pendingRekey
  }

  onRekey(listener: (identity: NodeIdentity) => void): Disposable {
    return this.#listeners.add(listener)
  }

  beginRekey: Keystore["beginRekey"] = async (options) => await this.#call("beginRekey", {}, options)

  acceptRekey: Keystore["acceptRekey"] = async ({ entry, sealed }, options) => await this.#call("acceptRekey", { entry, sealed }, options)

  finishRekey: Keystore["finishRekey"] = async (options) => await this.#call("finishRekey", {}, options)

  async lock(options: CallOptions): Promise<Result<true>> {
    if (this.#state === "locked") return ok(true)
    const answer = await this.#call("lock", {}, options)
    // Another call was faster.
    if (!answer.ok) return answer.code === "KEYSTORE_LOCKED" ? ok(true) : answer
    await this.#ended
    return ok(true)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#socket.destroy()
    await this.#ended
  }

  async #call<M extends KeystoreMethod>(
    method: M,
    params: CborValue,
    { signal }: CallOptions,
  ): Promise<Result<KeystoreAnswers[M], KeystoreRefusal & NamedKeyRefusal & PieceRefusal>> {
    signal.throwIfAborted()
    if (this.#state !== "unlocked") return this.#over()
    if (this.#pending.size >= MAX_PENDING) return refuse("KEYSTORE_BUSY", `${MAX_PENDING} requests are under way; try again in a moment`)
    const id = ++this.#lastId
    if (CHANGING.has(method)) this.#changes.set(id, method)
    const answer = await this.#exchange(id, encodeFrame(encodeRequest(id, method, params)), signal)
    if (!answer.ok) return answer as Result<never, KeystoreRefusal & NamedKeyRefusal & PieceRefusal>
    return decodeValue(method, answer.value)
  }

  /** Sends one frame and waits for the answer with its id; rejects with the signal's reason when it fires first. */
  async #exchange(id: number, frame: Uint8Array, signal: AbortSignal): Promise<Result<CborValue>> {
    const { promise, resolve, reject } = Promise.withResolvers<Result<CborValue>>()
    const onAbort = (): void => reject(signal.reason)
    this.#pending.set(id, resolve)
    signal.addEventListener("abort", onAbort, { once: true })
    this.#socket.write(frame)
    try {
      return await promise
    } finally {
      signal.removeEventListener("abort", onAbort)
      this.#pending.delete(id)
    }
  }

  async #receive(frames: AsyncIterator<Uint8Array>): Promise<void> {
    try {
      for (let next = await frames.next(); next.done !== true; next = await frames.next()) {
        const message = decodeAnswer(next.value)
        if (!message.ok) break
        const { answer, id } = message.value
        const change = this.#changes.get(id)
        this.#changes.delete(id)
        // Before anything else arrives, and also when the caller does not wait any more.
        if (change !== undefined && answer.ok) this.#learn(change, answer.value)
        this.#pending.get(id)?.(answer)
      }
    } catch {
      // The socket broke: the same as its end.
    }
    if (this.#state === "unlocked") this.#state = "gone"
    this.#socket.destroy()
    for (const settle of this.#pending.values()) settle(this.#over())
  }

  /** What follows from the answer to a request that changes the keystore. */
  #learn(method: KeystoreMethod, value: CborValue): void {
    // What ends from now on ends because of it.
    if (method === "lock") this.#state = "locked"
    const accepted = method === "acceptRekey" ? decodeValue(method, value) : undefined
    if (accepted?.ok === true) this.#pendingRekey = accepted.value
    const finished = method === "finishRekey" ? decodeValue(method, value) : undefined
    if (finished?.ok !== true) return
    this.#identity = finished.value
    this.#pendingRekey = undefined
    this.#listeners.tell(finished.value)
  }

  /** Why nothing is done any more. */
  #over(): Refusal<"KEYSTORE_LOCKED" | "KEYSTORE_GONE"> {
    if (this.#state === "locked") return refuse("KEYSTORE_LOCKED", "the node's secrets are locked; `keygrove unlock` opens them")
    return refuse("KEYSTORE_GONE", "the keystore process has ended and its secrets are wiped; `keygrove unlock` starts another")
  }
}

/** What a keystore process says first. A length that no frame has, or a socket that breaks, is no greeting. */
export async function readGreeting(frames: AsyncIterator<Uint8Array>): Promise<Result<CborValue>> {
  const first = await frames.next().catch(() => undefined)
  if (first === undefined) return refuse("KEYSTORE_START_FAILED", "what was started does not speak as a keystore; see the node's log")
  if (first.done === true) return refuse("KEYSTORE_START_FAILED", "the keystore process ended before it was unlocked; see the node's log")
  const greeting = decodeAnswer(first.value)
  return greeting.ok ? greeting.value.answer : refuse("KEYSTORE_START_FAILED", greeting.message)
}
