import { ok, refuse, toHex, type Result } from "@keygrove/base"
import {
  LineActivity,
  MAX_MESSAGE_BYTES,
  MAX_PEER_REQUESTS,
  refuseTooLong,
  untilLeft,
  type CallOptions,
  type Clock,
  type InboundRequest,
  type MoveRefusal,
  type PeerAddress,
  type ProtocolName,
  type RequestHandler,
  type RequestRefusal,
  type Transport,
  type TransportIdentity,
} from "@keygrove/service"
import { SimulatedClock } from "./clock.ts"

/** Nodes in one process that reach each other by key. Lines can be cut: what is under way on them then ends with `PEER_CLOSED`. */
export class MemoryNetwork {
  readonly clock: Clock
  /** By key; a node that moved is here under its present key, and under those before as long as it has lines of them. */
  readonly #nodes: Map<string, MemoryTransport> = new Map()
  /** By the key that a node joined with. */
  readonly #cut: Map<string, AbortController> = new Map()
  readonly #firstKeys: Map<string, string> = new Map()

  /** Lines of keys that were left end by the clock; with none of the caller's they stay until the node leaves. */
  constructor(clock: Clock = new SimulatedClock()) {
    this.clock = clock
  }

  /** A transport for the node with this Ed25519 key; one at a time for each key. */
  join(signingKey: Uint8Array): MemoryTransport {
    const transport = new MemoryTransport(this, signingKey)
    this.enter(signingKey, transport)
    return transport
  }

  /** Cuts a node off, or connects it again. Any key that it ever had names it. */
  setReachable(signingKey: Uint8Array, reachable: boolean): void {
    const line = this.lineOf(signingKey)
    if (!reachable) line.abort()
    else if (line.signal.aborted) this.#cut.delete(this.#firstKey(signingKey))
  }

  /** Aborted while the node is cut off. */
  lineOf(signingKey: Uint8Array): AbortController {
    const key = this.#firstKey(signingKey)
    const line = this.#cut.get(key) ?? new AbortController()
    this.#cut.set(key, line)
    return line
  }

  find(signingKey: Uint8Array): MemoryTransport | undefined {
    return this.lineOf(signingKey).signal.aborted ? undefined : this.#nodes.get(toHex(signingKey))
  }

  /** The nodes that are connected now. */
  nodes(): readonly MemoryTransport[] {
    return [...new Set(this.#nodes.values())].filter(({ signingKey }) => !this.lineOf(signingKey).signal.aborted)
  }

  /** A node can be found under this key from now on; `before` is one that it had. */
  enter(signingKey: Uint8Array, transport: MemoryTransport, before: Uint8Array = signingKey): void {
    const key = toHex(signingKey)
    if (this.#nodes.has(key)) throw new TypeError("a node with this key is on the network already")
    this.#nodes.set(key, transport)
    this.#firstKeys.set(key, this.#firstKey(before))
  }

  leave(signingKey: Uint8Array): void {
    this.#nodes.delete(toHex(signingKey))
  }

  #firstKey(signingKey: Uint8Array): string {
    const key = toHex(signingKey)
    return this.#firstKeys.get(key) ?? key
  }
}

/** One key of a node, and its lines. */
interface MemoryIdentity {
  readonly signingKey: Uint8Array
  /** By the key of a peer in hex: aborted when the line to it ends. The peer has the same one. */
  readonly lines: Map<string, AbortController>
  readonly activity: LineActivity
  readonly ended: AbortController
}

/** The Transport port without sockets: request and answer are copies, and the caller's key is that of its present identity. */
export class MemoryTransport implements Transport {
  readonly #network: MemoryNetwork
  readonly #address: string
  /** The present identity is the last one. */
  readonly #identities: MemoryIdentity[]
  readonly #handlers: Map<ProtocolName, RequestHandler> = new Map()
  readonly #underWay: Map<string, number> = new Map()
  readonly #closed = new AbortController()

  /** Made by {@link MemoryNetwork.join}. */
  constructor(network: MemoryNetwork, signingKey: Uint8Array) {
    this.#network = network
    this.#address = `/memory/${toHex(signingKey).slice(0, 16)}`
    this.#identities = [identityOf(signingKey)]
  }

  get signingKey(): Uint8Array {
    return this.#present.signingKey
  }

  addresses(): readonly string[] {
    return [this.#address]
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
    const own = this.#present
    const target = this.#target(peer)
    if (!target.ok) return target
    const { node, identity } = target.value
    using _asked = own.activity.track()
    using _answered = identity.activity.track()
    const ownLine = this.#network.lineOf(own.signingKey).signal
    // The handler is told when the line is gone, not when the caller gives up: on a wire it would not hear of that either.
    const line = AbortSignal.any([
      ownLine,
      this.#network.lineOf(peer.signingKey).signal,
      own.ended.signal,
      identity.ended.signal,
      connect(own, identity),
    ])
    const answered = node.#answer({ from: Uint8Array.from(own.signingKey), body: Uint8Array.from(body) }, protocol, line)
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

  disconnect(signingKey: Uint8Array): void {
    for (const { lines } of this.#identities) lines.get(toHex(signingKey))?.abort()
  }

  async move({ signingKey }: TransportIdentity, { signal }: CallOptions): Promise<Result<true, MoveRefusal>> {
    signal.throwIfAborted()
    if (this.#closed.signal.aborted) return refuse("PEER_CLOSED", "this node is closing its lines")
    const left = this.#present
    if (toHex(signingKey) === toHex(left.signingKey)) return ok(true)
    this.#network.enter(signingKey, this, left.signingKey)
    this.#identities.push(identityOf(signingKey))
    void this.#leave(left)
    return ok(true)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#closed.signal.aborted) return
    this.#closed.abort()
    for (const identity of this.#identities) {
      identity.ended.abort()
      this.#network.leave(identity.signingKey)
    }
  }

  get #present(): MemoryIdentity {
    const present = this.#identities.at(-1)
    if (present === undefined) throw new TypeError("a node has an identity")
    return present
  }

  async #leave(identity: MemoryIdentity): Promise<void> {
    try {
      await untilLeft(identity.activity, this.#network.clock, { signal: identity.ended.signal })
    } catch {
      // The node left the network.
      return
    }
    identity.ended.abort()
    this.#identities.splice(this.#identities.indexOf(identity), 1)
    this.#network.leave(identity.signingKey)
  }

  /** The node with the peer's key, if there are lines to it; nodes know each other by key, so addresses only tell who would answer instead. */
  #target(peer: PeerAddress): Result<{ readonly node: MemoryTransport; readonly identity: MemoryIdentity }, RequestRefusal> {
    const isOff = this.#network.lineOf(this.signingKey).signal.aborted
    const node = isOff ? undefined : this.#network.find(peer.signingKey)
    const identity = node === undefined || node === this ? undefined : node.#openTo(peer.signingKey, this.signingKey)
    if (node !== undefined && identity !== undefined) return ok({ node, identity })
    const other = isOff
      ? undefined
      : this.#network.nodes().find((each) => each !== this && each.addresses().some((own) => peer.addresses.includes(own)))
    if (other !== undefined && node !== this)
      return refuse("PEER_KEY_WRONG", "another node answers at the peer's address", { found: toHex(other.signingKey) })
    return refuse("PEER_UNREACHABLE", "no line to the peer")
  }

  /** The identity with this key, unless it was left and the caller has no line to it. */
  #openTo(signingKey: Uint8Array, caller: Uint8Array): MemoryIdentity | undefined {
    const key = toHex(signingKey)
    const identity = this.#identities.find((each) => toHex(each.signingKey) === key)
    return identity === this.#present || identity?.lines.get(toHex(caller))?.signal.aborted === false ? identity : undefined
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
      if ("ok" in answer) return refuse(answer.code, "the peer does not answer this node")
      return answer.length > MAX_MESSAGE_BYTES ? refuse("PEER_PROTOCOL", "the peer's answer was too long") : ok(Uint8Array.from(answer))
    } catch {
      // The port promises this to the caller whatever the handler threw; its text stays with its own node.
      return refuse("PEER_PROTOCOL", "the peer failed to answer")
    } finally {
      this.#underWay.set(key, (this.#underWay.get(key) ?? 1) - 1)
    }
  }
}

/** The line between two identities, opened unless it is. */
function connect(one: MemoryIdentity, other: MemoryIdentity): AbortSignal {
  const open = one.lines.get(toHex(other.signingKey))
  const line = open?.signal.aborted === false ? open : new AbortController()
  one.lines.set(toHex(other.signingKey), line)
  other.lines.set(toHex(one.signingKey), line)
  return line.signal
}

function identityOf(signingKey: Uint8Array): MemoryIdentity {
  return { signingKey: Uint8Array.from(signingKey), lines: new Map(), activity: new LineActivity(), ended: new AbortController() }
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
