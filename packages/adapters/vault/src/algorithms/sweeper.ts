import { setFlagsFromString } from "node:v8"
import { runInNewContext } from "node:vm"

/** A collection takes some milliseconds, so that under load there is at most one in this time. */
const INTERVAL_MS = 100

/**
 * Has the garbage collected soon after libraries kept copies of secrets in objects of their own, which they wipe only when the objects are
 * collected. Without it that would be whenever memory runs short, which in a quiet keystore is never.
 */
export class Sweeper implements Disposable {
  readonly #collect: () => void
  #timer: NodeJS.Timeout | undefined

  constructor() {
    // Node offers the collector only by this flag; it has to be set before the context that looks for it is made.
    setFlagsFromString("--expose-gc")
    const collect: unknown = runInNewContext("gc")
    this.#collect = typeof collect === "function" ? (): void => void collect() : (): void => undefined
  }

  /** Collects within {@link INTERVAL_MS}. */
  soon(): void {
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined
      this.#collect()
    }, INTERVAL_MS)
  }

  /** Collects at once what is still waiting for it. */
  [Symbol.dispose](): void {
    if (this.#timer === undefined) return
    clearTimeout(this.#timer)
    this.#timer = undefined
    this.#collect()
  }
}
