import { close, fdatasync, openSync } from "node:fs"

/**
 * Brings what is in a database's write-ahead log to the disk, in a thread of the system, so that nobody waits: neither the event loop, nor whoever wrote. What is written while that is under way goes with the
 * next time. Where it fails SQLite does it itself, before it moves the log into the database.
 */
export class WalFlush implements Disposable {
  readonly #path: string
  #descriptor: number | undefined
  #isUnderWay = false
  #isDue = false
  #isDisposed = false

  /** @param path of the database, which is in WAL mode and open: its log stays the same file until then. */
  constructor(path: string) {
    this.#path = `${path}-wal`
  }

  /** After a transaction. */
  begin(): void {
    if (this.#isDisposed) return
    this.#isDue = this.#isUnderWay
    if (this.#isUnderWay) return
    try {
      this.#descriptor ??= openSync(this.#path, "r+")
    } catch {
      return
    }
    this.#isUnderWay = true
    fdatasync(this.#descriptor, () => this.#ended())
  }

  [Symbol.dispose](): void {
    this.#isDisposed = true
    if (!this.#isUnderWay) this.#close()
  }

  #ended(): void {
    this.#isUnderWay = false
    if (this.#isDisposed) this.#close()
    else if (this.#isDue) this.begin()
  }

  #close(): void {
    if (this.#descriptor !== undefined) close(this.#descriptor)
    this.#descriptor = undefined
  }
}
