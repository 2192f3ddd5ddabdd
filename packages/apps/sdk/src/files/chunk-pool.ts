import { createSecretKey } from "node:crypto"
import { availableParallelism } from "node:os"
import { Worker } from "node:worker_threads"
import type { Secret } from "@keygrove/base"
import type { Primitives, SuiteName } from "@keygrove/crypto"
import type { ChunkSlot, ChunkThreadAnswer, ChunkThreadJob, ChunkThreadSetup } from "./chunk-worker.ts"

/** More threads than this wait for the disk, not for each other. */
const MAX_THREADS = 4
/** Slots besides those that threads work on: one being filled, one filled, one about to be yielded, and two that the consumer may still be writing. */
const FURTHER_SLOTS = 5

/** A slot and its number, by which threads know it. */
export interface NumberedSlot extends ChunkSlot {
  readonly number: number
}

/** Bytes of a whole batch, as it is read and as it is written. */
export interface BatchBytes {
  readonly inputBytes: number
  readonly outputBytes: number
}

/** Whether long streams of a suite can go through threads: those whose cipher takes a key object that threads can share, on the platform that has them. */
export function hasThreads(suite: SuiteName, { implementation }: Pick<Primitives, "implementation">): boolean {
  return suite === "aes-256-gcm" && implementation === "native"
}

/** Threads that seal or open full chunks of one AES-256-GCM stream, and memory that they share. Disposal ends them, whatever they are at. */
export class ChunkPool implements AsyncDisposable {
  readonly slots: readonly NumberedSlot[]
  readonly #threads: readonly ChunkThread[]
  #next = 0

  /**
   * The threads share one key object made of `key`, which is borrowed: the platform wipes the object's copy when it is collected.
   */
  constructor(direction: ChunkThreadSetup["direction"], key: Secret, batch: BatchBytes) {
    const width = Math.min(MAX_THREADS, availableParallelism())
    this.slots = Array.from({ length: width + FURTHER_SLOTS }, (_, number) => ({
      number,
      input: new Uint8Array(new SharedArrayBuffer(batch.inputBytes)),
      output: new Uint8Array(new SharedArrayBuffer(batch.outputBytes)),
    }))
    const setup: ChunkThreadSetup = { key: key.expose((bytes) => createSecretKey(bytes)), direction, slots: this.slots }
    this.#threads = Array.from({ length: width }, () => new ChunkThread(setup))
  }

  /** Batches that can be under way at once. */
  get width(): number {
    return this.#threads.length
  }

  /** Gives a batch to the next thread; resolves with the bytes written, or -1 when a chunk does not hold. */
  async run(job: ChunkThreadJob): Promise<ChunkThreadAnswer> {
    const thread = this.#threads[this.#next % this.#threads.length]
    this.#next++
    if (thread === undefined) throw new TypeError("a pool has at least one thread")
    return await thread.run(job)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#threads.map(async (thread) => await thread[Symbol.asyncDispose]()))
  }
}

class ChunkThread implements AsyncDisposable {
  readonly #worker: Worker
  /** Answers come in the order of the jobs. */
  readonly #waiting: PromiseWithResolvers<ChunkThreadAnswer>[] = []
  #failure: Error | undefined

  constructor(setup: ChunkThreadSetup) {
    const program = import.meta.url.endsWith(".ts") ? "./chunk-worker.ts" : "./chunk-worker.mjs"
    this.#worker = new Worker(new URL(program, import.meta.url), { workerData: setup })
    this.#worker.on("message", (answer: ChunkThreadAnswer) => this.#waiting.shift()?.resolve(answer))
    this.#worker.on("error", (error) => this.#fail(error instanceof Error ? error : new Error("a thread failed")))
    this.#worker.on("exit", () => this.#fail(new Error("a thread ended")))
  }

  async run(job: ChunkThreadJob): Promise<ChunkThreadAnswer> {
    if (this.#failure !== undefined) throw this.#failure
    const waiting = Promise.withResolvers<ChunkThreadAnswer>()
    this.#waiting.push(waiting)
    this.#worker.postMessage(job)
    return await waiting.promise
  }

  #fail(error: Error): void {
    this.#failure ??= error
    for (const { reject } of this.#waiting.splice(0)) reject(error)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#worker.terminate()
  }
}
