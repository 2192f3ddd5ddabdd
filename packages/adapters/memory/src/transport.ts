import { ok, refuse, toHex, type Result } from "@keygrove/base"
import {
  MAX_MESSAGE_BYTES,
  MAX_PEER_REQUESTS,
  refuseTooLong,
  type CallOptions,
  type InboundRequest,
  type PeerAddress,
  type ProtocolName,
  type RequestHandler,
  type RequestRefusal,
  type Transport,
} from "@keygrove/service"

/** Nodes in one process that reach each other by key. Lines can be cut: what is under way on them then ends with `PEER_CLOSED`. */
export class MemoryNetwork {
  readonly #nodes: Map<string, MemoryTransport> = new Map()
  readonly #cut: Map<string, AbortController> = new Map()

  /** A transport for the node with this Ed25519 key; one at a time for each key. */
  join(signingKey: Uint8Array): MemoryTransport {
    const key = toHex(signingKey)
    if (this.#nodes.has(key)) throw new TypeError("a node with this key is on the network already")
    const transport = new MemoryTransport(this, signingKey, () => this.#nodes.delete(key))
    this.#nodes.set(key, transport)
    return transport
  }

  /** Cuts a node off, or connects it again. */
  setReachable(signingKey: Uint8Array, reachable: boolean): void {
    const line = this.lineOf(signingKey)
    if (!reachable) line.abort()
    else if (line.signal.aborted) this.#cut.delete(toHex(signingKey))
  }

  /** Aborted while the node is cut off. */
  lineOf(signingKey: Uint8Array): AbortController {
    const key = toHex(signingKey)
    const line = this.#cut.get(key) ?? new AbortController()
    this.#cut.set(key, line)
    return line
  }

  find(signingKey: Uint8Array): MemoryTransport | undefined {
    return this.lineOf(signingKey).signal.aborted ? undefined : this.#nodes.get(toHex(signingKey))
  }

  /** The nodes that are connected now. */
  nodes(): readonly MemoryTransport[] {
    return [...this.#nodes.values()].filter(({ signingKey }) => !this.lineOf(signingKey).signal.aborted)
  }
}

/** The Transport port without sockets: request and answer are copies, and the caller's key is what it joined with. */
export class MemoryTransport implements Transport {
  readonly signingKey: Uint8Array
  readonly #network: MemoryNetwork
  readonly #leave: () => void
  readonly #handlers: Map<ProtocolName, RequestHandler> = new Map()
  readonly #underWay: Map<string, number> = new Map()
  readonly #closed = new AbortController()

  /** Made by {@link MemoryNetwork.join}. */
  constructor(network: MemoryNetwork, signingKey: Uint8Array, leave: () => void) {
    this.#network = network
    this.signingKey = signingKey
    this.#leave = leave
  }

  addresses(): readonly string[] {
    return [`/memory/${toHex(this.signingKey).slice(0, 16)}`]
  }

  peers(): readonly Uint8Array[] {
    if (this.#network.lineOf(this.signingKey).signal.aborted) return []
    return this.#network.nodes().flatMap((node) => (node === this ? [] : [node.signingKey]))
  }

  async request(
    peer: PeerAddress,
    protocol: ProtocolName,
    body: Uint8Array,
    { signal }: CallOptions,
  ): Promise<Result<Uint8Array, RequestRefusal>> {
    if (signal.aborted) return timedOut(signal)
    const tooLong = refuseTooLong(body)
    if (tooLong !== undefined) return tooLong
    if (this.#closed.signal.aborted) return refuse("PEER_CLOSED", "this node is closing its lines")
    const target = this.#target(peer)
    if (!target.ok) return target
    const ownLine = this.#network.lineOf(this.signingKey).signal
    // The handler is told when the line is gone, not when the caller gives up: on a wire it would not hear of that either.
    const line = AbortSignal.any([ownLine, this.#network.lineOf(peer.signingKey).signal, this.#closed.signal, target.value.#closed.signal])
    const answered = target.value.#answer({ from: Uint8Array.from(this.signingKey), body: Uint8Array.from(body) }, protocol, line)
    const answer = await Promise.race([answered, untilAborted(AbortSignal.any([line, signal]))])
    if (signal.aborted) return timedOut(signal)
    return answer ?? refuse("PEER_CLOSED", "the line to the peer was cut")
  }

  serve(protocol: ProtocolName, handler: RequestHandler): Disposable {
    if (this.#handlers.has(protocol)) throw new TypeError(`protocol ${protocol} is served already`)
    this.#handlers.set(protocol, handler)
    return {
      [Symbol.dispose]: () => {
        if (this.#handlers.get(protocol) === handler) this.#handlers.delete(protocol)
      },
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#closed.signal.aborted) return
    this.#closed.abort()
    this.#leave()
  }

  /** The node with the peer's key, if there are lines to it; nodes know each other by key, so addresses only tell who would answer instead. */
  #target(peer: PeerAddress): Result<MemoryTransport, RequestRefusal> {
    const target = this.#network.find(peer.signingKey)
    const isOff = this.#network.lineOf(this.signingKey).signal.aborted
    if (target !== undefined && target !== this && !isOff) return ok(target)
    const isTaken = this.#network.nodes().some((node) => node !== this && node.addresses().some((own) => peer.addresses.includes(own)))
    if (target === undefined && isTaken && !isOff) return refuse("PEER_KEY_WRONG", "another node answers at the peer's address")
    return refuse("PEER_UNREACHABLE", "no line to the peer")
  }

  async #answer(request: InboundRequest, protocol: ProtocolName, signal: AbortSignal): Promise<Result<Uint8Array, RequestRefusal>> {
    // As on a wire, the handler never runs inside the caller's own turn.
    await Promise.resolve()
    const handler = this.#handlers.get(protocol)
    if (handler === undefined) return refuse("PEER_PROTOCOL", `the peer does not serve ${protocol}`)
    const key = toHex(request.from)
    const underWay = this.#underWay.get(key) ?? 0
    if (underWay >= MAX_PEER_REQUESTS) return refuse("PEER_BUSY", `${underWay} requests are under way already`)
    this.#underWay.set(key, underWay + 1)
    try {
      const answer = await handler(request, { signal })
      return answer.length > MAX_MESSAGE_BYTES ? refuse("PEER_PROTOCOL", "the peer's answer was too long") : ok(Uint8Array.from(answer))
    } catch {
      // The port promises this to the caller whatever the handler threw; its text stays with its own node.
      return refuse("PEER_PROTOCOL", "the peer failed to answer")
    } finally {
      this.#underWay.set(key, (this.#underWay.get(key) ?? 1) - 1)
    }
  }
}

/** A signal whose time is up gives a refusal; any other is the caller's own wish. */
function timedOut(signal: AbortSignal): Result<never, "PEER_TIMEOUT"> {
  if (!(signal.reason instanceof DOMException) || signal.reason.name !== "TimeoutError") throw signal.reason
  return refuse("PEER_TIMEOUT", "the peer did not answer in time")
}

function untilAborted(signal: AbortSignal): Promise<undefined> {
  const { promise, resolve } = Promise.withResolvers<undefined>()
  if (signal.aborted) resolve(undefined)
  else signal.addEventListener("abort", () => resolve(undefined), { once: true })
  return promise
}
