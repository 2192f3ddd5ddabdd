import { constants } from "node:fs"
import { open, type FileHandle } from "node:fs/promises"
import { errnoOf } from "./errno.ts"

/** Bytes of a stage: enough for a disk to work at full speed on one write at a time. */
const STAGE_BYTES = 8_388_608
const WASM_PAGE_BYTES = 65_536

/**
 * Appends to a file through two stages: one is filled while the other is being written. On Linux full stages go past the page cache
 * (`O_DIRECT`): the processor then copies nothing and the last flush has nothing left to do, which makes a large file durable in the time the
 * disk needs. File systems that refuse it get ordinary writes.
 */
export class StagedWriter {
  readonly #handle: FileHandle
  /** The same file past the page cache; `undefined` until the first full stage, and where it cannot be. */
  #direct: FileHandle | undefined
  #mayBeDirect = constants.O_DIRECT !== undefined
  #stage: Uint8Array | undefined
  #otherStage: Uint8Array | undefined
  #filled = 0
  /** Where in the file the stage being filled begins. */
  #position = 0
  #writing: Promise<void> = Promise.resolve()

  /** Borrows the handle, which nobody else may write to. */
  constructor(handle: FileHandle) {
    this.#handle = handle
  }

  /**
   * Appends `bytes`, which may be overwritten once the promise settles. One call at a time.
   * @throws the system's error of an earlier write, or of this one.
   */
  async write(bytes: Uint8Array): Promise<void> {
    for (let taken = 0; taken < bytes.length;) {
      this.#stage ??= newStage()
      const part = bytes.subarray(taken, taken + STAGE_BYTES - this.#filled)
      this.#stage.set(part, this.#filled)
      this.#filled += part.length
      taken += part.length
      if (this.#filled === STAGE_BYTES) await this.#sendStage(this.#stage)
    }
  }

  /** Writes what is left and flushes everything to the disk. */
  async finish(): Promise<void> {
    await this.#writing
    if (this.#stage !== undefined) await writeAt(this.#handle, this.#stage.subarray(0, this.#filled), this.#position)
    this.#filled = 0
    await this.#handle.sync()
  }

  /** Waits for the write under way, whatever becomes of it, and closes what this opened. */
  async close(): Promise<void> {
    await this.#writing.catch(() => undefined)
    await this.#direct?.close()
    this.#direct = undefined
  }

  async #sendStage(stage: Uint8Array): Promise<void> {
    await this.#writing
    this.#writing = this.#writeStage(stage, this.#position)
    // Heard at the next await; until then Node must not see it as unhandled.
    this.#writing.catch(() => undefined)
    this.#position += STAGE_BYTES
    this.#filled = 0
    this.#stage = this.#otherStage
    this.#otherStage = stage
  }

  async #writeStage(stage: Uint8Array, position: number): Promise<void> {
    const written = await this.#writeDirectly(stage, position)
    await writeAt(this.#handle, stage.subarray(written), position + written)
  }

  /** Writes past the page cache as far as that goes; returns how far. */
  async #writeDirectly(stage: Uint8Array, position: number): Promise<number> {
    if (!this.#mayBeDirect) return 0
    try {
      // By its descriptor, so that it is the same file whatever its name has come to mean.
      this.#direct ??= await open(`/proc/self/fd/${this.#handle.fd}`, constants.O_WRONLY | constants.O_DIRECT)
      return (await this.#direct.write(stage, 0, stage.length, position)).bytesWritten
    } catch (error) {
      if (errnoOf(error) === "ENOSPC" || errnoOf(error) === "EDQUOT" || errnoOf(error) === "EIO") throw error
      // No /proc, or a file system that wants another alignment or refuses altogether: the ordinary way is always right.
      this.#mayBeDirect = false
      return 0
    }
  }
}

async function writeAt(handle: FileHandle, bytes: Uint8Array, position: number): Promise<void> {
  for (let written = 0; written < bytes.length;) {
    written += (await handle.write(bytes, written, bytes.length - written, position + written)).bytesWritten
  }
}

/** Memory that starts on a page, as direct writes need it; of all that JavaScript can allocate, only WebAssembly's promises that. */
function newStage(): Uint8Array {
  const pages = STAGE_BYTES / WASM_PAGE_BYTES
  return new Uint8Array(new WebAssembly.Memory({ initial: pages, maximum: pages }).buffer)
}
