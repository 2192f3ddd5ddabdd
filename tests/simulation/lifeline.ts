import { refuse } from "@keygrove/base"
import type { LedgerEngine, Storage, Transport } from "@keygrove/service"

/** What every port of a killed process says, so that nothing it was doing goes on. */
export class Killed extends Error {
  override readonly name = "Killed"
}

/** When a process dies: at which of its effects on the world outside, counted from 1, and whether that effect still happened. */
export interface Death {
  readonly atEffect: number
  readonly when: "before" | "after"
}

/**
 * The life of one simulated process. Everything it does to the outside (storage written, request sent, ledger appended to) passes here, and from its death on
 * nothing does: neither effects nor their results.
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

  /** @throws Killed after the death. */
  check(): void {
    if (this.#isDead) throw new Killed("the process was killed")
  }

  async effect<T>(work: () => Promise<T>): Promise<T> {
    this.check()
    const isLast = ++this.#effects === this.#death?.atEffect
    if (isLast && this.#death?.when === "before") this.#isDead = true
    this.check()
    const result = await work()
    if (isLast) this.#isDead = true
    this.check()
    return result
  }

  /** Something that changes nothing outside, but is not seen by the dead. */
  async look<T>(work: () => Promise<T>): Promise<T> {
    this.check()
    const result = await work()
    this.check()
    return result
  }
}

/** A storage that outlives its process. */
export function mortalStorage(storage: Storage, life: Lifeline): Storage {
  return {
    get: async (collection, key, options) => await life.look(async () => await storage.get(collection, key, options)),
    list: async (collection, range, options) => await life.look(async () => await storage.list(collection, range, options)),
    write: async (changes, options) => await life.effect(async () => await storage.write(changes, options)),
    [Symbol.asyncDispose]: async () => undefined,
  }
}

/** A transport whose requests and answers end with its process. */
export function mortalTransport(transport: Transport, life: Lifeline): Transport {
  return {
    addresses: () => transport.addresses(),
    peers: () => transport.peers(),
    request: async (peer, protocol, body, options) => {
      const ask = async (): ReturnType<Transport["request"]> => await transport.request(peer, protocol, body, options)
      if (protocol === "proxy") return await life.effect(ask)
      // Following the ledger is no effect, and never stops by an exception: to the dead, the host is away.
      const answer = life.isDead ? undefined : await ask()
      return answer === undefined || life.isDead ? refuse("PEER_CLOSED", "the process was killed") : answer
    },
    serve: (protocol, handler) =>
      transport.serve(protocol, async (request, options) => await life.look(async () => await handler(request, options))),
    [Symbol.asyncDispose]: async () => await transport[Symbol.asyncDispose](),
  }
}

/** A ledger engine whose appends end with its process. */
export function mortalEngine(engine: LedgerEngine, life: Lifeline): LedgerEngine {
  return {
    head: async (options) => await engine.head(options),
    read: async (from, limit, options) => await engine.read(from, limit, options),
    append: async (batch, expected, options) => await life.effect(async () => await engine.append(batch, expected, options)),
    refresh: async (options) => await life.look(async () => await engine.refresh(options)),
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
