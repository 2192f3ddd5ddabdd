import { ok, refuse, toHex, type Result } from "@keygrove/base"
import type { Clock } from "../ports/clock.ts"

/** What one peer may ask of a ledger's host. */
export interface PeerLimits {
  /** Requests under way at once. */
  readonly requests: number
  /** Of them, waits for news. */
  readonly waits: number
  /** Appends in a burst, and how many more a second. */
  readonly appendBurst: number
  readonly appendsPerSecond: number
}

/** Limits of a host that is not told otherwise. */
export const DEFAULT_PEER_LIMITS: PeerLimits = { requests: 16, waits: 4, appendBurst: 64, appendsPerSecond: 16 }

/** Most peers remembered at once; others are told to come back later. */
const MAX_PEERS = 4096

interface PeerUse {
  requests: number
  waits: number
  /** Appends left, as of `since`. */
  appends: number
  since: number
}

/** Counts what peers do. An idle peer whose burst is full again is forgotten. */
export class PeerMeter {
  readonly #limits: PeerLimits
  readonly #clock: Clock
  readonly #peers: Map<string, PeerUse> = new Map()

  constructor(limits: PeerLimits, clock: Clock) {
    this.#limits = limits
    this.#clock = clock
  }

  /** Admits one request until the result is disposed of. */
  admit(peer: Uint8Array, op: "head" | "read" | "append" | "wait" | "snapshot" | "part"): Result<Disposable, "LEDGER_BUSY"> {
    const key = toHex(peer)
    const use = this.#useOf(key)
    if (use === undefined) return refuse("LEDGER_BUSY", `the ledger's host serves ${MAX_PEERS} peers already; try again later`)
    const { requests, waits, appendsPerSecond } = this.#limits
    if (use.requests >= requests) return refuse("LEDGER_BUSY", `${requests} requests of this peer are under way already`)
    if (op === "wait" && use.waits >= waits) return refuse("LEDGER_BUSY", `${waits} waits of this peer are under way already`)
    if (op === "append" && use.appends < 1)
      return refuse("LEDGER_BUSY", `this peer may append ${appendsPerSecond} times a second; try again later`)
    const waiting = op === "wait" ? 1 : 0
    if (op === "append") use.appends--
    use.requests++
    use.waits += waiting
    return ok({
      [Symbol.dispose]: () => {
        use.requests--
        use.waits -= waiting
      },
    })
  }

  #useOf(key: string): PeerUse | undefined {
    const now = this.#clock.now()
    const { appendBurst, appendsPerSecond } = this.#limits
    const known = this.#peers.get(key)
    if (known === undefined) {
      if (this.#peers.size >= MAX_PEERS) this.#forgetIdle(now)
      if (this.#peers.size >= MAX_PEERS) return undefined
      const fresh = { requests: 0, waits: 0, appends: appendBurst, since: now }
      this.#peers.set(key, fresh)
      return fresh
    }
    known.appends = Math.min(appendBurst, known.appends + (Math.max(0, now - known.since) / 1000) * appendsPerSecond)
    known.since = now
    return known
  }

  #forgetIdle(now: number): void {
    const { appendBurst, appendsPerSecond } = this.#limits
    for (const [key, use] of this.#peers) {
      const refilled = use.appends + ((now - use.since) / 1000) * appendsPerSecond
      if (use.requests === 0 && refilled >= appendBurst) this.#peers.delete(key)
    }
  }
}
