import type { Duplex } from "node:stream"
import { ok, refuse, type CborValue, type Refusal, type Result } from "@keygrove/base"
import type { PieceIndex } from "@keygrove/pieces"
import {
  Turns,
  type BootKeys,
  type CallOptions,
  type DelegatedStart,
  type DelegatedUnlocking,
  type KeystoreRefusal,
  type LockedKeystore,
  type PieceRefusal,
  type PieceUnlocking,
  type StorageSlot,
} from "@keygrove/service"
import { KeystoreClient, readGreeting } from "./client.ts"
import { encodeFrame } from "./frames.ts"
import {
  decodeLockedGreeting,
  decodeLockedValue,
  delegatedUnlockingValue,
  unlockingValue,
  type LockedAnswers,
  type LockedGreeting,
  type LockedMethod,
} from "./locked-messages.ts"
import { decodeAnswer, encodeRequest } from "./messages.ts"
import { framesOf } from "./socket-frames.ts"

/** Requests that wait at once; more are refused. */
const MAX_WAITING = 256

/** What unlocking gives: the port of the unlocked keystore, over the same socket. */
export interface UnlockedByPieces {
  readonly keystore: KeystoreClient
  readonly liars: readonly PieceIndex[]
}

/** A locked keystore as the daemon sees it, over the socket to its process: one request after the other, until it is unlocked. */
export class LockedClient implements LockedKeystore {
  readonly node: LockedKeystore["node"]
  readonly bootKeys: BootKeys
  readonly freshSealingKey: Uint8Array
  readonly slots: readonly StorageSlot[]
  readonly delegatedStart?: DelegatedStart
  readonly #socket: Duplex
  readonly #frames: AsyncIterator<Uint8Array>
  readonly #turns = new Turns()
  #waiting = 0
  #lastId = 0
  #isOver = false

  private constructor(socket: Duplex, frames: AsyncIterator<Uint8Array>, greeting: LockedGreeting) {
    const { bootKeys, delegatedStart, freshSealingKey, node, slots } = greeting
    this.#socket = socket
    this.#frames = frames
    this.node = node
    this.bootKeys = bootKeys
    this.freshSealingKey = freshSealingKey
    this.slots = slots
    if (delegatedStart !== undefined) this.delegatedStart = delegatedStart
  }

  /** Waits for the greeting of a keystore process that was started locked, or why no pieces can open it. */
  static async greet(socket: Duplex): Promise<Result<LockedClient>> {
    const frames = framesOf(socket)
    const greeting = await readGreeting(frames)
    if (!greeting.ok) return greeting
    const told = decodeLockedGreeting(greeting.value)
    return told.ok ? ok(new LockedClient(socket, frames, told.value)) : told
  }

  sign: LockedKeystore["sign"] = async (purpose, message, options) =>
    await this.#call("boot.sign", { purpose, message }, options, async (signature) => await Promise.resolve(ok(signature)))

  unlock = async (order: PieceUnlocking, options: CallOptions): Promise<Result<UnlockedByPieces, PieceRefusal>> =>
    await this.#open("unlock", unlockingValue(order), options, (keystore, { liars }) => ({ keystore, liars }))

  unlockDelegated = async (order: DelegatedUnlocking, options: CallOptions): Promise<Result<KeystoreClient, PieceRefusal>> =>
    await this.#open("unlock.delegated", delegatedUnlockingValue(order), options, (keystore) => keystore)

  /** Ends the process; when it was unlocked, that is for whoever has the unlocked keystore. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (!this.#isOver) this.#end()
    await Promise.resolve()
  }

  async #open<M extends LockedMethod, T>(
    method: M,
    params: CborValue,
    options: CallOptions,
    use: (keystore: KeystoreClient, value: LockedAnswers[M]) => T,
  ): Promise<Result<T, PieceRefusal>> {
    // What was opened is not left to nobody, when whoever wanted it has gone meanwhile.
    const end = (): void => this.#end()
    options.signal.addEventListener("abort", end, { once: true })
    try {
      return await this.#call(method, params, options, async (value) => {
        const greeted = await KeystoreClient.greet(this.#socket, this.#frames)
        this.#isOver = true
        // What stops a start after it was unlocked, such as a damaged audit trail, has codes of its own.
        return greeted.ok ? ok(use(greeted.value, value)) : (greeted as Refusal<PieceRefusal>)
      })
    } finally {
      options.signal.removeEventListener("abort", end)
    }
  }

  #end(): void {
    this.#isOver = true
    this.#socket.destroy()
  }

  async #call<M extends LockedMethod, T, Code extends string>(
    method: M,
    params: CborValue,
    { signal }: CallOptions,
    use: (value: LockedAnswers[M]) => Promise<Result<T, Code>>,
  ): Promise<Result<T, Code | KeystoreRefusal>> {
    signal.throwIfAborted()
    if (this.#waiting >= MAX_WAITING) return refuse("KEYSTORE_BUSY", `${MAX_WAITING} requests are waiting; try again in a moment`)
    this.#waiting++
    const answered = this.#turns
      .take("socket", async () => {
        const value = await this.#exchange(method, params)
        return value.ok ? await use(value.value) : value
      })
      .finally(() => void this.#waiting--)
    return await untilAborted(answered, signal)
  }

  async #exchange<M extends LockedMethod>(method: M, params: CborValue): Promise<Result<LockedAnswers[M], KeystoreRefusal>> {
    if (this.#isOver) return over()
    this.#socket.write(encodeFrame(encodeRequest(++this.#lastId, method, params)))
    const next = await this.#frames.next().catch(() => undefined)
    const message = next === undefined || next.done === true ? undefined : decodeAnswer(next.value)
    if (message?.ok !== true || message.value.id !== this.#lastId) {
      this.#end()
      return over()
    }
    const { answer } = message.value
    return answer.ok ? decodeLockedValue(method, answer.value) : (answer as Refusal<KeystoreRefusal>)
  }
}

/** What a promise gives, or the signal's reason when that fires first. */
async function untilAborted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  const aborted = Promise.withResolvers<never>()
  const abort = (): void => aborted.reject(signal.reason)
  signal.addEventListener("abort", abort, { once: true })
  try {
    return await Promise.race([promise, aborted.promise])
  } finally {
    signal.removeEventListener("abort", abort)
  }
}

function over(): Refusal<"KEYSTORE_GONE"> {
  return refuse("KEYSTORE_GONE", "the locked keystore has ended, or was unlocked; restart the node with `keygrove up`")
}
