import { refuse, toHex } from "@keygrove/base"
import type { InboundRequest, ProtocolName, Transport } from "@keygrove/service"

/** What becomes of a message. */
export type Fate = "delivered" | "delivered twice" | "request lost" | "answer lost"

/** Answers in the place of an honest node, which it may ask. */
export type Lie = (request: InboundRequest, honest: () => Promise<Uint8Array>) => Promise<Uint8Array>

/** A node at the end of lines, and the key that it begins with. */
interface LineEnd {
  readonly name: string
  readonly key: Uint8Array
}

interface Line {
  readonly from: string
  readonly to: string
  readonly cut: AbortController
}

/** The lines between nodes: who reaches whom, what is lost, and whether anything is under way. */
export class Lines {
  /** Decides the fate of a request of protocol `proxy` or `pieces` by who sends it to whom and how many were sent on that way before. */
  fate: (from: string, to: string, count: number) => Fate = () => "delivered"
  /** Names of the nodes by the keys that they have and had, in hex. */
  readonly #names: Map<string, string> = new Map()
  readonly #cuts: Set<string> = new Set()
  readonly #counts: Map<string, number> = new Map()
  readonly #underWay: Set<Line> = new Set()
  #asked = 0

  /** Requests to proxies and to holders of key pieces that wait for their answers. */
  get asked(): number {
    return this.#asked
  }

  /** Cuts the line between two nodes; what is under way on it ends. */
  cut(a: Uint8Array, b: Uint8Array): void {
    this.#cuts.add(pairOf(this.#nameOf(a), this.#nameOf(b)))
    for (const line of this.#underWay) if (!this.#isOpen(line.from, line.to)) line.cut.abort()
  }

  mend(a: Uint8Array, b: Uint8Array): void {
    this.#cuts.delete(pairOf(this.#nameOf(a), this.#nameOf(b)))
  }

  mendAll(): void {
    this.#cuts.clear()
  }

  reaches(from: Uint8Array, to: Uint8Array): boolean {
    return this.#isOpen(this.#nameOf(from), this.#nameOf(to))
  }

  /** `transport` of a named node on these lines, whatever key it has; `lie` is asked at each request of protocol `proxy` or `pieces`. */
  connect({ key, name: from }: LineEnd, transport: Transport, lie: () => Lie | undefined): Transport {
    this.#names.set(toHex(key), from)
    return {
      addresses: () => transport.addresses(),
      peers: () => transport.peers(),
      request: async (peer, protocol, body, options) => {
        const to = this.#nameOf(peer.signingKey)
        if (!this.#isOpen(from, to)) return refuse("PEER_UNREACHABLE", "no line to the peer")
        const fate = isWork(protocol) ? this.#nextFate(from, to) : "delivered"
        if (fate === "request lost") return refuse("PEER_CLOSED", "the request was lost")
        const send = async (signal: AbortSignal): ReturnType<Transport["request"]> =>
          await transport.request(peer, protocol, body, { signal })
        const end = { from, to, cut: new AbortController() }
        if (fate === "delivered twice") await this.#along(end, isWork(protocol), send, options.signal)
        const answer = await this.#along(end, isWork(protocol), send, options.signal)
        return fate === "answer lost" ? refuse("PEER_CLOSED", "the answer was lost") : answer
      },
      serve: (protocol, handler) =>
        transport.serve(protocol, async (request, options) => {
          const liar = isWork(protocol) ? lie() : undefined
          if (liar === undefined) return await handler(request, options)
          return await liar(request, async () => {
            const answer = await handler(request, options)
            if ("ok" in answer) throw new TypeError(`the members know each other, but one answered ${answer.code}`)
            return answer
          })
        }),
      disconnect: (signingKey) => transport.disconnect(signingKey),
      move: async (identity, options) => {
        this.#names.set(toHex(identity.signingKey), from)
        return await transport.move(identity, options)
      },
      [Symbol.asyncDispose]: async () => await transport[Symbol.asyncDispose](),
    }
  }

  async #along<T>(line: Line, isCounted: boolean, send: (signal: AbortSignal) => Promise<T>, signal: AbortSignal): Promise<T | CutLine> {
    this.#underWay.add(line)
    if (isCounted) this.#asked++
    try {
      return await send(AbortSignal.any([signal, line.cut.signal]))
    } catch (error) {
      if (signal.aborted || !line.cut.signal.aborted) throw error
      return refuse("PEER_CLOSED", "the line to the peer was cut")
    } finally {
      this.#underWay.delete(line)
      if (isCounted) this.#asked--
    }
  }

  #nameOf(key: Uint8Array): string {
    return this.#names.get(toHex(key)) ?? toHex(key)
  }

  #isOpen(from: string, to: string): boolean {
    return !this.#cuts.has(pairOf(from, to))
  }

  #nextFate(from: string, to: string): Fate {
    const way = `${from}>${to}`
    const count = this.#counts.get(way) ?? 0
    this.#counts.set(way, count + 1)
    return this.fate(from, to, count)
  }
}

/** What a history is about: all else only follows the ledger. */
export function isWork(protocol: ProtocolName): boolean {
  return protocol === "proxy" || protocol === "pieces"
}

/** The same for both directions. */
function pairOf(a: string, b: string): string {
  return a < b ? `${a}-${b}` : `${b}-${a}`
}

type CutLine = ReturnType<typeof refuse<"PEER_CLOSED">>
