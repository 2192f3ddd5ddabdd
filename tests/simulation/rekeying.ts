import { toHex } from "@keygrove/base"
import { Wakeup, type CallOptions, type NodeContext, type NodeIdentity } from "@keygrove/service"
import type { Lifeline } from "./lifeline.ts"

const RETRY_MS = 1_000
const call: CallOptions = { signal: new AbortController().signal }

/** Takes one running node to its next epoch in the order of the daemon: statement, keystore, network. Each step may be repeated. */
export class Rekeying {
  readonly #context: NodeContext
  readonly #life: Lifeline
  readonly #rekeyed: (identity: NodeIdentity) => void
  readonly #owed = new Wakeup()
  #last: Promise<unknown> = Promise.resolve()
  #transportKey: string

  constructor(context: NodeContext, life: Lifeline, rekeyed: (identity: NodeIdentity) => void) {
    this.#context = context
    this.#life = life
    this.#rekeyed = rekeyed
    this.#transportKey = this.#keystoreKey
  }

  /** Does what is left of a rekey; what cannot be done now is left to {@link Rekeying.run}. */
  async settle(): Promise<boolean> {
    const mine = this.#last.then(async () => await this.#settleNow())
    this.#last = mine.catch(() => undefined)
    const isDone = await mine
    if (!isDone) this.#owed.wake()
    return isDone
  }

  /** Ends every rekey that is left, until the signal fires. */
  async run({ signal }: CallOptions): Promise<void> {
    while (!signal.aborted) {
      const seen = this.#owed.count
      if (await this.settle()) await this.#owed.wait(signal, seen)
      else await this.#context.clock.sleep(RETRY_MS, { signal })
    }
  }

  async #settleNow(): Promise<boolean> {
    const { keystore, replica, transport } = this.#context
    const pending = keystore.pendingRekey()
    if (pending !== undefined) {
      const stands = (): boolean => replica.state.signingKeys.has(toHex(pending.keys.signingKey))
      if (!stands()) await replica.appendEntries([pending.entry], call)
      if (!stands() || this.#life.isDead) return false
      const finished = await keystore.finishRekey(call)
      if (!finished.ok) return false
      this.#rekeyed(finished.value)
    }
    if (this.#transportKey === this.#keystoreKey) return true
    const { signingKey } = keystore.identity().keys
    const moved = await transport.move({ signingKey, sign: async () => await Promise.reject(new TypeError("no handshake here")) }, call)
    if (moved.ok) this.#transportKey = this.#keystoreKey
    return moved.ok
  }

  get #keystoreKey(): string {
    return toHex(this.#context.keystore.identity().keys.signingKey)
  }
}
