import type { Socket } from "node:net"
import { AgentMessageReader, encodeAgentAnswer } from "./agent-codec.ts"
import type { AgentSession } from "./agent-session.ts"

/** Bytes that are taken from a client while it waits for an answer; one that sends more is not read until it has it. */
const MAX_QUEUED_BYTES = 65_536

/** How long a client may take, in milliseconds. */
export interface ConnectionTimes {
  /** From the first byte of a message to its last. */
  readonly messageMs: number
  /** Without a byte either way. */
  readonly idleMs: number
  /** To answer one request, confirmation included. */
  readonly answerMs: number
}

/**
 * One client's socket: its messages are answered in turn, one at a time. A client that hangs up, says a length that is refused, or takes too long is
 * cut off, and what was under way for it is aborted; so a closed window ends its question to the person. `closed` never rejects.
 */
export class AgentConnection implements Disposable {
  /** Settles when the socket is closed and nothing is under way. */
  readonly closed: Promise<void>
  readonly #socket: Socket
  readonly #session: AgentSession
  readonly #times: ConnectionTimes
  readonly #reader = new AgentMessageReader()
  readonly #queue: Uint8Array[] = []
  readonly #gone = new AbortController()
  #heardAt = performance.now()
  #queuedBytes = 0
  #working: Promise<void> | undefined
  /** Of the answer while there is one under way, else of the message that has begun. */
  #deadline: NodeJS.Timeout | undefined

  constructor(socket: Socket, session: AgentSession, times: ConnectionTimes) {
    this.#socket = socket
    this.#session = session
    this.#times = times
    const ended = Promise.withResolvers<void>()
    this.closed = ended.promise.then(async () => await this.#working)
    socket.setTimeout(times.idleMs, () => socket.destroy())
    socket.on("data", (chunk: Buffer) => this.#take(chunk))
    socket.once("end", () => this.#gone.abort())
    // Its reason does not matter: `close` follows.
    socket.on("error", () => this.#gone.abort())
    socket.once("close", () => {
      this.#gone.abort()
      clearTimeout(this.#deadline)
      for (const chunk of this.#queue.splice(0)) chunk.fill(0)
      ended.resolve()
    })
  }

  /** Since when nothing was heard of the client, on the clock of `performance`; `undefined` while it waits for an answer, or is cut off. */
  get silentSince(): number | undefined {
    return this.#working === undefined && !this.#socket.destroyed ? this.#heardAt : undefined
  }

  /** Whether the client was not cut off and has not hung up. */
  get isOpen(): boolean {
    return !this.#socket.destroyed
  }

  /** Cuts the client off. */
  [Symbol.dispose](): void {
    this.#socket.destroy()
  }

  #take(chunk: Uint8Array): void {
    this.#heardAt = performance.now()
    this.#queue.push(chunk)
    this.#queuedBytes += chunk.length
    if (this.#queuedBytes > MAX_QUEUED_BYTES) this.#socket.pause()
    this.#working ??= this.#work().finally(() => (this.#working = undefined))
  }

  /** Answers everything that is queued. */
  async #work(): Promise<void> {
    try {
      for (let chunk = this.#queue[0]; chunk !== undefined && !this.#gone.signal.aborted; chunk = this.#queue[0]) {
        const taken = this.#reader.take(chunk)
        if (taken === "length refused") return void this.#socket.destroy()
        this.#drop(chunk, taken.used)
        if (taken.message !== undefined) await this.#answer(taken.message)
      }
      this.#watchMessage()
    } catch {
      // The client is gone, or was too slow; nobody waits for an answer.
      this.#socket.destroy()
    }
  }

  async #answer(message: Uint8Array): Promise<void> {
    clearTimeout(this.#deadline)
    this.#deadline = setTimeout(() => this.#end(), this.#times.answerMs)
    try {
      await this.#orGone(
        this.#session.answer(message, this.#gone.signal).then(async (answer) => await this.#write(encodeAgentAnswer(answer))),
      )
    } finally {
      clearTimeout(this.#deadline)
      this.#deadline = undefined
      // Refused requests to add a key carry its secret, and refused ones to lock the agent a passphrase.
      message.fill(0)
    }
  }

  /** Settles when the bytes are the system's. */
  async #write(bytes: Uint8Array): Promise<void> {
    await new Promise<void>((resolve) => this.#socket.write(bytes, () => resolve()))
  }

  /** The outcome of a promise, or a rejection once the client is gone, whether or not what works for it listens to the signal. */
  async #orGone(outcome: Promise<void>): Promise<void> {
    const { signal } = this.#gone
    const { promise, reject } = Promise.withResolvers<never>()
    const abort = (): void => reject(signal.reason)
    signal.addEventListener("abort", abort, { once: true })
    await Promise.race([outcome, promise]).finally(() => signal.removeEventListener("abort", abort))
  }

  #end(): void {
    this.#gone.abort()
    this.#socket.destroy()
  }

  /** Forgets the first bytes of the queue, which begins with `chunk`. */
  #drop(chunk: Uint8Array, used: number): void {
    chunk.fill(0, 0, used)
    this.#queuedBytes -= used
    if (used < chunk.length) this.#queue[0] = chunk.subarray(used)
    else this.#queue.shift()
    if (this.#queuedBytes <= MAX_QUEUED_BYTES) this.#socket.resume()
  }

  #watchMessage(): void {
    if (!this.#reader.isWithinMessage || this.#deadline !== undefined || this.#gone.signal.aborted) return
    this.#deadline = setTimeout(() => this.#end(), this.#times.messageMs)
  }
}
