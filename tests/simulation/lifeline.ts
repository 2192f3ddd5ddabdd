import { refuse } from "@keygrove/base"
import type { LedgerEngine, Storage, Transport } from "@keygrove/service"
import { isWork } from "./lines.ts"

/** When a process dies: at which of its effects on the world outside, counted from 1, and whether that effect still happened. */
export interface Death {
  readonly atEffect: number
  readonly when: "before" | "after"
}

/**
 * The life of one simulated process. Everything it does to the outside (storage written, request sent, ledger appended to) passes here, and from its death on
 * nothing does: neither effects nor their results. What it was doing then finds every port broken, so that it ends, without having done more.
 */
export class Lifeline {
  #death: Death | undefined
  #effects = 0
  #isDead = false

  get isDead(): boolean {
    return this.#isDead
  }

  /** Lets the process die at one of its next effects. */
  arm(death: Death | undefined): void {
    this.#death = death
    this.#effects = 0
  }

  /** Does something to the outside, unless the process is dead; the dead get `whenDead`, whatever came of it. */
  async effect<T>(work: () => Promise<T>, whenDead: T): Promise<T> {
    if (this.#isDead) return whenDead
    const isLast = ++this.#effects === this.#death?.atEffect
    if (isLast && this.#death?.when === "before") this.#isDead = true
    if (this.#isDead) return whenDead
    const result = await work()
    if (isLast) this.#isDead = true
    return this.#isDead ? whenDead : result
  }

  /** Something that changes nothing outside, but is not seen by the dead. */
  async look<T>(work: () => Promise<T>, whenDead: T): Promise<T> {
    if (this.#isDead) return whenDead
    const result = await work()
    return this.#isDead ? whenDead : result
  }
}

/** A storage that outlives its process. */
export function mortalStorage(storage: Storage, life: Lifeline): Storage {
  const dead = refuse("STORAGE_FAILED", "the process was killed")
  return {
    get: async (collection, key, options) => await life.look(async () => await storage.get(collection, key, options), dead),
    list: async (collection, range, options) => await life.look(async () => await storage.list(collection, range, options), dead),
    write: async (changes, options) => await life.effect(async () => await storage.write(changes, options), dead),
    [Symbol.asyncDispose]: async () => undefined,
  }
}

/** A transport whose requests and answers end with its process. */
export function mortalTransport(transport: Transport, life: Lifeline): Transport {
  const dead = refuse("PEER_CLOSED", "the process was killed")
  return {
    addresses: () => transport.addresses(),
    peers: () => transport.peers(),
    // Following the ledger is no effect: how often it asks depends on nothing that a history says.
    request: async (peer, protocol, body, options) => {
      const ask = async (): ReturnType<Transport["request"]> => await transport.request(peer, protocol, body, options)
      return isWork(protocol) ? await life.effect(ask, dead) : await life.look(ask, dead)
    },
    serve: (protocol, handler) =>
      transport.serve(protocol, async (request, options) => {
        const answer = await life.look(async () => await handler(request, options), undefined)
        if (answer === undefined) throw new Error("the process was killed")
        return answer
      }),
    disconnect: (signingKey) => transport.disconnect(signingKey),
    move: async (identity, options) => await life.look(async () => await transport.move(identity, options), dead),
    [Symbol.asyncDispose]: async () => await transport[Symbol.asyncDispose](),
  }
}

/** A ledger engine whose appends end with its process. */
export function mortalEngine(engine: LedgerEngine, life: Lifeline): LedgerEngine {
  const dead = refuse("LEDGER_UNREACHABLE", "the process was killed")
  return {
    head: async (options) => await engine.head(options),
    read: async (from, limit, options) => await engine.read(from, limit, options),
    append: async (batch, expected, options) => await life.effect(async () => await engine.append(batch, expected, options), dead),
    refresh: async (options) => await life.look(async () => await engine.refresh(options), dead),
    watch: (from, options) => engine.watch(from, options),
    [Symbol.asyncDispose]: async () => await engine[Symbol.asyncDispose](),
  }
}

/** An engine that its owner's end does not end: a file on a disk. */
export function lastingEngine(engine: LedgerEngine): LedgerEngine {
  return {
    head: async (options) => await engine.head(options),
    read: async (from, limit, options) => await engine.read(from, limit, options),
    append: async (batch, expected, options) => await engine.append(batch, expected, options),
    refresh: async (options) => await engine.refresh(options),
    watch: (from, options) => engine.watch(from, options),
    [Symbol.asyncDispose]: async () => undefined,
  }
}
