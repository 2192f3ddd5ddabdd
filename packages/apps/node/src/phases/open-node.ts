import { KeygroveError } from "@keygrove/base"
import type { PeerCredentialsReader } from "@keygrove/posix"
import { systemClock } from "@keygrove/system"
import { IdleLock } from "../idle-lock.ts"
import type { NodeRuntime } from "../node-runtime.ts"
import { SshAgents } from "../ssh-agents.ts"

export interface OpenNodeOptions {
  /** Tells which user is at the other end of a socket, where the system can. */
  readonly peerOf: PeerCredentialsReader | undefined
  readonly log: (line: string) => void
}

/**
 * A node whose keystore was opened, with what lives as long as that keystore. When it is locked later, this goes on without keys, until the keystore is opened again and another takes its
 * place. Disposal waits for the calls that work on it.
 */
export class OpenNode implements AsyncDisposable {
  readonly runtime: NodeRuntime
  /** Missing when the keystore is not locked by itself. */
  readonly idleLock: IdleLock | undefined
  readonly sshAgents: SshAgents
  readonly #stop = new AbortController()
  readonly #calls: Set<Promise<unknown>> = new Set()
  #disposed: Promise<void> | undefined

  /** Takes the runtime over. */
  constructor(runtime: NodeRuntime, { log, peerOf }: OpenNodeOptions) {
    const { config, keystore } = runtime
    const { idleLockMinutes: minutes } = config
    this.runtime = runtime
    this.idleLock = minutes === undefined ? undefined : new IdleLock({ minutes, keystore, clock: systemClock, log })
    this.sshAgents = new SshAgents({ keystore, peerOf, idleLock: this.idleLock, log })
  }

  get isUnlocked(): boolean {
    return this.runtime.keystore.state() === "unlocked"
  }

  /** Performs a call on this node; its signal fires also when the node gives way to another. */
  async use<T>(signal: AbortSignal, call: (signal: AbortSignal) => Promise<T>): Promise<T> {
    const work = call(AbortSignal.any([signal, this.#stop.signal]))
    this.#calls.add(work)
    return await work.finally(() => this.#calls.delete(work))
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await (this.#disposed ??= this.#dispose())
  }

  async #dispose(): Promise<void> {
    this.#stop.abort(new KeygroveError("KEYSTORE_LOCKED", "the keystore was locked while the request was under way"))
    await Promise.allSettled(this.#calls)
    await this.sshAgents[Symbol.asyncDispose]()
    await this.idleLock?.[Symbol.asyncDispose]()
    await this.runtime[Symbol.asyncDispose]()
  }
}
