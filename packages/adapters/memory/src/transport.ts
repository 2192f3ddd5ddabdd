import { ok, refuse, toHex, type Result } from "@keygrove/base"
import type { CallOptions, InboundRequest, PeerAddress, ProtocolName, RequestRefusal, Transport } from "@keygrove/service"

type Handler = (request: InboundRequest, options: CallOptions) => Promise<Uint8Array>

/** Limits of the Transport port. */
const MAX_MESSAGE_BYTES = 1_048_576
const MAX_REQUESTS_PER_PEER = 64

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

  /** Keys of the nodes that are connected now. */
  keys(): readonly Uint8Array[] {
    return [...this.#nodes.values()].map((node) => node.signingKey).filter((key) => !this.lineOf(key).signal.aborted)
  }
}

/** The Transport port without sockets: request and answer are copies, and the caller's key is what it joined with. */
export class MemoryTransport implements Transport {
  readonly signingKey: Uint8Array
  readonly #network: MemoryNetwork
  readonly #leave: () => void
  readonly #handlers: Map<ProtocolName, Handler> = new Map()
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
    const own = toHex(this.signingKey)
    return this.#network.keys().filter((key) => toHex(key) !== own)
  }

  async request(
    peer: PeerAddress,
    protocol: ProtocolName,
    body: Uint8Array,
    { signal }: CallOptions,
  ): Promise<Result<Uint8Array, RequestRefusal>> {
    signal.throwIfAborted()
    if (body.length > MAX_MESSAGE_BYTES) throw new RangeError(`a message has at most ${MAX_MESSAGE_BYTES} bytes, got ${body.length}`)
    const target = this.#network.find(peer.signingKey)
    const ownLine = this.#network.lineOf(this.signingKey).signal
    if (target === undefined || ownLine.aborted || this.#closed.signal.aborted) return refuse("PEER_UNREACHABLE", "no line to the peer")
    const lines = AbortSignal.any([ownLine, this.#network.lineOf(peer.signingKey).signal, this.#closed.signal, target.#closed.signal])
    const gone = AbortSignal.any([lines, signal])
    const cut = untilAborted(gone)
    const answered = target.#answer({ from: Uint8Array.from(this.signingKey), body: Uint8Array.from(body) }, protocol, gone)
    const answer = await Promise.race([answered, cut])
    signal.throwIfAborted()
    return answer ?? refuse("PEER_CLOSED", "the line to the peer was cut")
  }

  serve(protocol: ProtocolName, handler: Handler): Disposable {
    if (this.#handlers.has(protocol)) throw new TypeError(`protocol ${protocol} is served already`)
    this.#handlers.set(protocol, handler)
    return { [Symbol.dispose]: () => this.#handlers.delete(protocol) }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed.abort()
    this.#leave()
  }

  async #answer(request: InboundRequest, protocol: ProtocolName, signal: AbortSignal): Promise<Result<Uint8Array, RequestRefusal>> {
    // As on a wire, the handler never runs inside the caller's own turn.
    await Promise.resolve()
    const handler = this.#handlers.get(protocol)
    if (handler === undefined) return refuse("PEER_PROTOCOL", `the peer does not serve ${protocol}`)
    const key = toHex(request.from)
    const underWay = this.#underWay.get(key) ?? 0
    if (underWay >= MAX_REQUESTS_PER_PEER) return refuse("PEER_BUSY", `${underWay} requests are under way already`)
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

function untilAborted(signal: AbortSignal): Promise<undefined> {
  const { promise, resolve } = Promise.withResolvers<undefined>()
  if (signal.aborted) resolve(undefined)
  else signal.addEventListener("abort", () => resolve(undefined), { once: true })
  return promise
}
