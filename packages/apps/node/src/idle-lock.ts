import type { MethodName } from "@keygrove/api"
import type { Result } from "@keygrove/base"
import type { CallOptions, Clock } from "@keygrove/service"

/** Longest sleep between two looks at the clock: a machine that was suspended locks this soon after it woke up. */
const LOOK_MS = 30_000
const MINUTE_MS = 60_000

interface IdleLockOptions {
  readonly minutes: number
  readonly keystore: {
    /** Settles when there is nothing to lock any more. */
    readonly ended: Promise<void>
    lock(options: CallOptions): Promise<Result<unknown>>
  }
  readonly clock: Clock
  readonly log: (line: string) => void
}

/**
 * Locks the keystore when nobody has used it for some minutes: people and programs through JSON-RPC and ssh-agent, not the node's own traffic with
 * others. A use counts from its beginning to its end. Disposal only ends the watch.
 */
export class IdleLock implements AsyncDisposable {
  readonly minutes: number
  readonly #options: IdleLockOptions
  /** Fires when there is nothing to watch any more. */
  readonly #over = new AbortController()
  /** Fires on disposal: the end of the keystore must not abort the lock that ends it. */
  readonly #disposed = new AbortController()
  readonly #watching: Promise<void>
  #lastUse: number
  #underWay = 0

  constructor(options: IdleLockOptions) {
    this.#options = options
    this.minutes = options.minutes
    this.#lastUse = options.clock.now()
    this.#watching = this.#watch(this.#over.signal)
    void options.keystore.ended.then(() => this.#over.abort())
  }

  /** When it locks unless somebody uses the keystore before, in milliseconds since 1970; `undefined` while somebody does, and when it is locked. */
  get locksAt(): number | undefined {
    return this.#underWay > 0 || this.#over.signal.aborted ? undefined : this.#lastUse + this.minutes * MINUTE_MS
  }

  /** Says that somebody calls a method from now until disposal; it counts when the method is a use of the keystore. */
  use(method: MethodName): Disposable | undefined {
    return WITHOUT_KEYSTORE.has(method) ? undefined : this.begin()
  }

  /** Says that somebody uses the keystore from now until disposal. */
  begin(): Disposable {
    const touch = (by: number): void => {
      this.#underWay += by
      this.#lastUse = this.#options.clock.now()
    }
    touch(1)
    return { [Symbol.dispose]: () => touch(-1) }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#over.abort()
    this.#disposed.abort()
    await this.#watching
  }

  async #watch(signal: AbortSignal): Promise<void> {
    const { clock, keystore, log } = this.#options
    try {
      for (let left = this.#left(); left > 0; left = this.#left()) await clock.sleep(Math.min(left, LOOK_MS), { signal })
      const locked = await keystore.lock({ signal: this.#disposed.signal })
      log(
        locked.ok
          ? `IDLE_LOCKED: nobody used the keystore for ${this.minutes} min, so it is locked and its secrets are wiped; \`keygrove unlock\` opens it`
          : `${locked.code}: the idle keystore could not be locked: ${locked.message}`,
      )
    } catch (error) {
      if (!signal.aborted) throw error
    }
  }

  /** Milliseconds until it is time. */
  #left(): number {
    const now = this.#options.clock.now()
    // A clock that was set back must not put the lock off for longer than was asked for.
    this.#lastUse = this.#underWay > 0 ? now : Math.min(this.#lastUse, now)
    return this.#lastUse + this.minutes * MINUTE_MS - now
  }
}

/** What is no use of the keystore: it tells about the node, or works without keys. Every other method is one. */
const WITHOUT_KEYSTORE: ReadonlySet<MethodName> = new Set([
  "node.status",
  "node.identity",
  "node.stop",
  "node.list",
  "ledger.publish",
  "node.lock",
  "node.unlock",
  "label.list",
  "trust.list",
  "trust.rename",
  "meet.status",
  "policy.list",
  "policy.show",
  "proxy.status",
  "ledger.status",
  "ledger.entries",
  // An agent that waits is not used; its signatures are uses of their own.
  "sshAgent.start",
  "sshAgent.wait",
  "sshAgent.answer",
  "sshAgent.stop",
  "pieces.status",
  "unlock.requests",
  "console.link",
  "rpc.discover",
])
