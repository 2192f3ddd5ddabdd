import { Transform, type TransformCallback } from "node:stream"
import { byteCount } from "./text.ts"

/** Nothing is shown for what ends sooner. */
const DELAY_MS = 1000

export interface ProgressTarget {
  readonly stderr: NodeJS.WriteStream
  /** Expected bytes; unknown for standard input. */
  readonly total: number | undefined
  readonly what: string
}

/** Passes bytes through and shows on a terminal how far they are, once it takes longer than a second. */
export class Progress extends Transform implements AsyncDisposable {
  readonly #target: ProgressTarget
  readonly #started: number = performance.now()
  #bar: { update(value: number): void; stop(): void } | undefined
  #loading = false
  #bytes = 0

  constructor(target: ProgressTarget) {
    super({ highWaterMark: 1024 * 1024 })
    this.#target = target
  }

  /** Bytes that passed so far. */
  get bytes(): number {
    return this.#bytes
  }

  override _transform(chunk: Uint8Array, _encoding: BufferEncoding, done: TransformCallback): void {
    this.#bytes += chunk.length
    if (this.#bar !== undefined) this.#bar.update(this.#bytes)
    else if (this.#target.stderr.isTTY && !this.#loading && performance.now() - this.#started > DELAY_MS) void this.#show()
    done(null, chunk)
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    this.#bar?.stop()
    this.#bar = undefined
    done(error)
  }

  async #show(): Promise<void> {
    this.#loading = true
    const { SingleBar } = (await import("cli-progress")).default
    if (this.destroyed) return
    const { total, what, stderr } = this.#target
    const format = total === undefined ? `${what} {done}` : `${what} {bar} {percentage}% {done} of ${byteCount(total)}, {eta_formatted} left`
    const bar = new SingleBar({ format, stream: stderr, clearOnComplete: true, hideCursor: true, etaBuffer: 50 })
    bar.start(total ?? 0, this.#bytes, { done: byteCount(this.#bytes) })
    this.#bar = { update: (value) => bar.update(value, { done: byteCount(value) }), stop: () => bar.stop() }
  }
}
