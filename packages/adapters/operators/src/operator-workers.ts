import { resolve } from "node:path"
import { ok, refuse, type Result } from "@keygrove/base"
import { DEFAULT_OPERATOR_TIMEOUT_MS, type OperatorName, type OperatorSetting, type OperatorSpec } from "@keygrove/keys"
import type { CallOptions, OperatorModuleRefusal, OperatorReturn, OperatorRun, OperatorRunner, OperatorRunRefusal } from "@keygrove/service"
import { readOperatorModule, type OperatorModule } from "./operator-module.ts"
import { OperatorThread } from "./operator-thread.ts"

export interface OperatorWorkersOptions {
  readonly settings: readonly OperatorSetting[]
  /** Where relative paths of modules begin. */
  readonly directory: string
  /** File of the program that a thread runs: `@keygrove/operators/worker`. */
  readonly workerPath: string
}

interface Operator {
  readonly setting: OperatorSetting
  readonly module: OperatorModule
}

/** Threads at a time; more uses wait, and beyond these they are refused. */
const MAX_THREADS = 4
const MAX_WAITING = 32
/** How long a thread may take to start and load its module, whatever the use may take. */
const LOAD_TIMEOUT_MS = 10_000
/** How much the process may grow while operators run: nothing else bounds the arrays of a thread. */
const MAX_GROWTH_BYTES = 134_217_728
const WATCH_INTERVAL_MS = 10

/**
 * Reads and tries the modules of operators; the first that is not what the settings say refuses all, with its name. They are not read again: what is run
 * is what was checked.
 */
export async function openOperators(
  options: OperatorWorkersOptions,
  { signal }: CallOptions,
): Promise<Result<OperatorWorkers, OperatorModuleRefusal>> {
  const operators = new Map<OperatorName, Operator>()
  for (const setting of options.settings) {
    signal.throwIfAborted()
    const module = await readOperatorModule(resolve(options.directory, setting.module))
    if (!module.ok) return refuse(module.code, `operator ${setting.name}: ${module.message}`)
    if (module.value.sha256 !== setting.sha256)
      return refuse(
        "OPERATOR_MODULE_CHANGED",
        `operator ${setting.name}: its module has SHA-256 ${module.value.sha256}, config.json says ${setting.sha256}`,
      )
    const loads = await tryModule(`operator ${setting.name}: its module`, module.value, options.workerPath)
    if (!loads.ok) return loads
    operators.set(setting.name, { setting, module: module.value })
  }
  return ok(new OperatorWorkers(operators, options.workerPath))
}

/** Reads a module and tries it as a keystore does; its digest is for the settings. */
export async function checkOperatorModule(
  path: string,
  workerPath: string,
  { signal }: CallOptions,
): Promise<Result<OperatorModule, OperatorModuleRefusal>> {
  signal.throwIfAborted()
  const module = await readOperatorModule(path)
  if (!module.ok) return module
  const loads = await tryModule(`the module ${path}`, module.value, workerPath)
  return loads.ok ? module : loads
}

/** Loads a module once without a secret. */
async function tryModule(what: string, { source }: OperatorModule, workerPath: string): Promise<Result<true, "OPERATOR_MODULE_INVALID">> {
  await using thread = new OperatorThread({ name: "tried", source, workerPath, secretBytes: 1 })
  const timer = setTimeout(() => thread.stop("OPERATOR_TIMEOUT"), LOAD_TIMEOUT_MS)
  const ready = await thread.ready()
  clearTimeout(timer)
  return ready.ok ? ready : refuse("OPERATOR_MODULE_INVALID", `${what} does not load: ${ready.message}`)
}

/** Runs operators in threads of their own, one thread for one use. Disposal stops all and refuses what comes. */
export class OperatorWorkers implements OperatorRunner, AsyncDisposable {
  readonly operators: readonly OperatorSpec[]
  readonly #operators: ReadonlyMap<OperatorName, Operator>
  readonly #workerPath: string
  readonly #running: Set<OperatorThread> = new Set()
  readonly #waiting: (() => void)[] = []
  #taken = 0
  #watch: NodeJS.Timeout | undefined
  #isOpen = true
  #idle: () => void = () => undefined

  constructor(operators: ReadonlyMap<OperatorName, Operator>, workerPath: string) {
    this.#operators = operators
    this.#workerPath = workerPath
    this.operators = [...operators.values()].map(
      ({ setting: { module: _module, sha256: _sha256, timeoutMs: _timeoutMs, ...spec } }) => spec,
    )
  }

  async run<Code extends string>(
    use: OperatorRun<Code>,
    { signal }: CallOptions,
  ): Promise<Result<OperatorReturn, OperatorRunRefusal | Code>> {
    signal.throwIfAborted()
    const operator = this.#operators.get(use.operator)
    if (operator === undefined) throw new RangeError("there is no such operator")
    if (this.#waiting.length >= MAX_WAITING) return refuse("KEYSTORE_BUSY", `${MAX_WAITING} uses of operators wait; try again in a moment`)
    await this.#place()
    try {
      signal.throwIfAborted()
      return this.#isOpen ? await this.#runNow(operator, use, signal) : locked()
    } finally {
      this.#taken--
      this.#waiting.shift()?.()
      if (this.#taken === 0) this.#idle()
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isOpen = false
    for (const thread of this.#running) thread.stop("KEYSTORE_LOCKED")
    if (this.#taken > 0) await new Promise<void>((settle) => (this.#idle = settle))
  }

  /** Waits for a place among those that run; whoever leaves lets the next in. */
  async #place(): Promise<void> {
    if (this.#taken++ < MAX_THREADS) return
    await new Promise<void>((settle) => this.#waiting.push(settle))
  }

  async #runNow<Code extends string>(
    { module: { source }, setting: { name, timeoutMs = DEFAULT_OPERATOR_TIMEOUT_MS } }: Operator,
    use: OperatorRun<Code>,
    signal: AbortSignal,
  ): Promise<Result<OperatorReturn, OperatorRunRefusal | Code>> {
    await using thread = new OperatorThread({ name, source, workerPath: this.#workerPath, secretBytes: use.secretBytes })
    const abort = (): void => thread.stop("aborted")
    const expire = (): void => thread.stop("OPERATOR_TIMEOUT")
    let timer = setTimeout(expire, LOAD_TIMEOUT_MS)
    this.#running.add(thread)
    this.#watchMemory()
    signal.addEventListener("abort", abort, { once: true })
    try {
      const ready = await thread.ready()
      signal.throwIfAborted()
      if (!ready.ok) return ready.code === "invalid" ? refuse("OPERATOR_FAILED", `the operator ${name} does not load any more`) : ready
      // Loading is none of the function's time.
      clearTimeout(timer)
      timer = setTimeout(expire, timeoutMs)
      const returned = await thread.use(use)
      if (signal.aborted && returned.ok && returned.value.kind === "bytes") returned.value.bytes?.[Symbol.dispose]()
      signal.throwIfAborted()
      return returned
    } finally {
      signal.removeEventListener("abort", abort)
      clearTimeout(timer)
      this.#running.delete(thread)
      if (this.#running.size === 0) clearInterval(this.#watch)
    }
  }

  /** Stops all that run when the process has grown too much since the first of them began. */
  #watchMemory(): void {
    if (this.#running.size > 1) return
    const before = process.memoryUsage.rss()
    this.#watch = setInterval(() => {
      if (process.memoryUsage.rss() - before > MAX_GROWTH_BYTES) for (const thread of this.#running) thread.stop("OPERATOR_MEMORY")
    }, WATCH_INTERVAL_MS)
  }
}

function locked(): Result<never, "KEYSTORE_LOCKED"> {
  return refuse("KEYSTORE_LOCKED", "the node's secrets are locked; `keygrove unlock` opens them")
}
