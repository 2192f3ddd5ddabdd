import { ok, refuse, type Result } from "@keygrove/base"
import type { Handle } from "./cryptoki.ts"

/** Calls of the module at once: each holds one of the four threads that Node has for such work, and one is left for others. */
const MAX_SESSIONS = 3
/** Calls that wait for a session: less than a keystore serves at once, so that those of other keys are let in. */
const MAX_WAITING = 128

interface SessionTools {
  open(): Handle
  close(session: Handle): void
}

/** A few sessions of one login, each for one call at a time. */
export class SessionPool {
  readonly #tools: SessionTools
  readonly #idle: Handle[] = []
  readonly #waiting: Set<() => void> = new Set()
  #busy = 0

  constructor(tools: SessionTools) {
    this.#tools = tools
  }

  /** How many calls are under way. */
  get busy(): number {
    return this.#busy
  }

  /** A session for one call, opened when none is idle; give it back with {@link SessionPool.put} or {@link SessionPool.drop}. */
  async take(signal: AbortSignal): Promise<Result<Handle, "KEYSTORE_BUSY">> {
    if (this.#busy >= MAX_SESSIONS) {
      if (this.#waiting.size >= MAX_WAITING) return refuse("KEYSTORE_BUSY", `${MAX_WAITING} uses of the token wait; try again in a moment`)
      await this.#turn(signal)
    } else this.#busy++
    try {
      return ok(this.#idle.pop() ?? this.#tools.open())
    } catch (error) {
      this.#release()
      throw error
    }
  }

  put(session: Handle): void {
    this.#idle.push(session)
    this.#release()
  }

  /** For a session whose call failed: it may be in the middle of an operation. */
  drop(session: Handle): void {
    this.#tools.close(session)
    this.#release()
  }

  /** Waits until somebody leaves, whose place is then this call's. */
  async #turn(signal: AbortSignal): Promise<void> {
    signal.throwIfAborted()
    const { promise, reject, resolve } = Promise.withResolvers<undefined>()
    const next = (): void => resolve(undefined)
    const leave = (): void => {
      if (this.#waiting.delete(next)) reject(signal.reason)
    }
    this.#waiting.add(next)
    signal.addEventListener("abort", leave, { once: true })
    try {
      await promise
    } finally {
      signal.removeEventListener("abort", leave)
    }
  }

  #release(): void {
    const [next] = this.#waiting
    if (next === undefined) this.#busy--
    else {
      this.#waiting.delete(next)
      next()
    }
  }
}
