import { Worker } from "node:worker_threads"
import { ok, refuse, Secret, type Refusal, type Result } from "@keygrove/base"
import type { OperatorReturn, OperatorRun, OperatorRunRefusal } from "@keygrove/service"
import type { WorkerOrder, WorkerSays, WorkerUse } from "./worker/messages.ts"

/** What the engine may take before it ends the thread itself. The limit of all threads together is lower; this one only stands behind it. */
const LIMITS = { maxOldGenerationSizeMb: 1_024, maxYoungGenerationSizeMb: 16, stackSizeMb: 1 } as const
const MAX_OUTPUT_BYTES = 1_024
/** The thread has no programs, add-ons and threads of its own, and no files but the one that it runs, which it gives up itself when it begins. */
const flagsOf = (path: string): string[] => ["--experimental-vm-modules", "--permission", `--allow-fs-read=${path}`, "--no-warnings"]

/** Code to run, and how. */
export interface ThreadOrder {
  /** For messages. */
  readonly name: string
  readonly source: string
  readonly workerPath: string
  readonly secretBytes: number
}

/** How a thread ended before it was asked to: the code for its use. */
export type ThreadStop = Extract<OperatorRunRefusal, "OPERATOR_TIMEOUT" | "OPERATOR_MEMORY" | "KEYSTORE_LOCKED"> | "aborted"

/** One thread for one use of an operator. Disposal ends it and wipes what it shared, in this order. */
export class OperatorThread implements AsyncDisposable {
  readonly #order: ThreadOrder
  readonly #worker: Worker
  readonly #ended: Promise<void>
  readonly #told: WorkerSays[] = []
  #wake: () => void = () => undefined
  #memory: SharedArrayBuffer | undefined
  #isOver = false
  #isOutOfMemory = false
  #stopped: ThreadStop | undefined

  constructor(order: ThreadOrder) {
    this.#order = order
    const workerData: WorkerOrder = { source: order.source, secretBytes: order.secretBytes, outputBytes: MAX_OUTPUT_BYTES }
    this.#worker = new Worker(order.workerPath, {
      workerData,
      env: {},
      argv: [],
      execArgv: flagsOf(order.workerPath),
      stdin: false,
      stdout: true,
      stderr: true,
      resourceLimits: LIMITS,
      trackUnmanagedFds: true,
    })
    this.#worker.stdout.resume()
    this.#worker.stderr.resume()
    this.#worker.on("message", (said: WorkerSays) => {
      this.#told.push(said)
      this.#wake()
    })
    this.#worker.on("error", (error: NodeJS.ErrnoException) => {
      this.#isOutOfMemory ||= error.code === "ERR_WORKER_OUT_OF_MEMORY"
    })
    this.#ended = new Promise((resolve) => {
      this.#worker.once("exit", () => {
        this.#isOver = true
        this.#wake()
        resolve()
      })
    })
  }

  /** Ends the thread wherever it is. */
  stop(why: ThreadStop): void {
    if (this.#stopped !== undefined) return
    this.#stopped = why
    void this.#worker.terminate()
  }

  /** Waits until the function is there and could be given a secret; says in a word why it is not. */
  async ready(): Promise<Result<true, OperatorRunRefusal> | { readonly ok: false; readonly code: "invalid"; readonly message: string }> {
    const said = await this.#next()
    if (said?.kind === "ready") {
      this.#memory = said.memory
      return ok(true)
    }
    return said?.kind === "invalid" ? { ok: false, code: "invalid", message: said.why } : this.#over()
  }

  /** Lends the secret and waits for what comes of it. */
  async use<Code extends string>({ input, lend }: OperatorRun<Code>): Promise<Result<OperatorReturn, OperatorRunRefusal | Code>> {
    const memory = this.#memory
    if (memory === undefined) throw new TypeError("the function is not ready")
    const lent = lend(new Uint8Array(memory, 0, this.#order.secretBytes))
    if (!lent.ok) return lent
    const use: WorkerUse = { input }
    this.#worker.postMessage(use)
    const said = await this.#next()
    if (said === undefined) return this.#over()
    switch (said.kind) {
      case "value":
        return ok({ kind: "value", value: said.value })
      case "bytes":
        return ok({ kind: "bytes", bytes: this.#returned(memory, said.length) })
      default:
        return refuse(
          "OPERATOR_FAILED",
          `the operator ${this.#order.name} ${said.kind === "failed" ? said.why : "failed"}; what it said is not told`,
        )
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stopped ??= "aborted"
    await this.#worker.terminate()
    await this.#ended
    if (this.#memory !== undefined) new Uint8Array(this.#memory).fill(0)
  }

  #returned(memory: SharedArrayBuffer, length: number): Secret | undefined {
    // Whoever says a length could say any.
    const within = Math.min(Math.max(Math.trunc(length), 0), MAX_OUTPUT_BYTES)
    return within === 0 ? undefined : Secret.take(new Uint8Array(memory, this.#order.secretBytes, within))
  }

  /** What the thread says next; nothing when it has ended. */
  async #next(): Promise<WorkerSays | undefined> {
    while (this.#told.length === 0 && !this.#isOver) await new Promise<void>((resolve) => (this.#wake = resolve))
    return this.#stopped === undefined ? this.#told.shift() : undefined
  }

  #over(): Refusal<OperatorRunRefusal> {
    const { name } = this.#order
    const why = this.#isOutOfMemory ? "OPERATOR_MEMORY" : this.#stopped
    switch (why) {
      case "OPERATOR_TIMEOUT":
        return refuse(why, `the operator ${name} took longer than it may and was stopped`)
      case "OPERATOR_MEMORY":
        return refuse(why, `operators took more memory than they may; ${name} was stopped`)
      case "KEYSTORE_LOCKED":
        return refuse(why, "the node's secrets are locked; `keygrove unlock` opens them")
      default:
        return refuse("OPERATOR_FAILED", `the thread of the operator ${name} ended by itself`)
    }
  }
}
