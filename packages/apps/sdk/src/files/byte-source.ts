import { Readable } from "node:stream"

/** Bytes in order, pulled into the reader's memory. */
export interface ByteSource {
  /** Fills `target` as far as the source goes; fewer bytes only at its end, then 0. One read at a time. */
  read(target: Uint8Array): Promise<number>
}

/** Anything that yields bytes: a `Readable`, a web stream, a generator. */
export type ByteIterable = AsyncIterable<Uint8Array> | Iterable<Uint8Array>

/**
 * Reads an iterable as a {@link ByteSource}; disposing of it ends the iterable (a `Readable` is destroyed) even while a read is pending,
 * which then rejects with the signal's reason.
 */
export class IterableSource implements ByteSource, AsyncDisposable {
  readonly #iterable: ByteIterable
  readonly #iterator: AsyncIterator<Uint8Array> | Iterator<Uint8Array>
  readonly #aborted: Promise<never>
  #stopListening: () => void
  #rest: Uint8Array = new Uint8Array(0)
  #ended = false
  #pending = false

  constructor(iterable: ByteIterable, signal: AbortSignal) {
    this.#iterable = iterable
    this.#iterator = Symbol.asyncIterator in iterable ? iterable[Symbol.asyncIterator]() : iterable[Symbol.iterator]()
    const { promise, reject } = Promise.withResolvers<never>()
    // Nobody may be waiting when the signal fires; whoever waits later still sees the rejection.
    promise.catch(() => undefined)
    this.#aborted = promise
    const abort = (): void => reject(signal.reason)
    if (signal.aborted) abort()
    signal.addEventListener("abort", abort, { once: true })
    this.#stopListening = () => signal.removeEventListener("abort", abort)
  }

  async read(target: Uint8Array): Promise<number> {
    let filled = 0
    while (filled < target.length && (this.#rest.length > 0 || (await this.#pull()))) {
      const part = this.#rest.subarray(0, target.length - filled)
      target.set(part, filled)
      filled += part.length
      this.#rest = this.#rest.subarray(part.length)
    }
    return filled
  }

  /** Takes the next non-empty piece; false at the end. */
  async #pull(): Promise<boolean> {
    while (!this.#ended && this.#rest.length === 0) {
      this.#pending = true
      const next = await Promise.race([this.#iterator.next(), this.#aborted])
      this.#pending = false
      if (next.done === true) this.#ended = true
      else if (next.value instanceof Uint8Array) this.#rest = next.value
      else throw new TypeError("a byte source must yield Uint8Array; set no encoding on the stream")
    }
    return !this.#ended
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stopListening()
    if (this.#iterable instanceof Readable) this.#iterable.destroy()
    // A generator that waits for its own next value would make us wait with it.
    else if (!this.#ended && !this.#pending) await this.#iterator.return?.()
  }
}
