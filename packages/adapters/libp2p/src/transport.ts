import { KeygroveError, ok, refuse, toHex, type Result } from "@keygrove/base"
import {
  refuseTooLong,
  type CallOptions,
  type PeerAddress,
  type ProtocolName,
  type RequestHandler,
  type RequestRefusal,
  type Transport,
} from "@keygrove/service"
import type { Stream } from "@libp2p/interface"
import type { Libp2p } from "libp2p"
import { dialable, peerIdOf, signingKeyOf } from "./addresses.ts"
import { DIAL_TIMEOUT_MS, startHost, type HostOptions } from "./host.ts"
import { serveStream } from "./inbound-channel.ts"
import { InboundLoad } from "./inbound-load.ts"
import { OutboundChannel } from "./outbound-channel.ts"
import { messagesOf, refuseLine, refuseTimeout } from "./refusals.ts"

export interface Libp2pTransportOptions extends HostOptions {
  readonly signal?: AbortSignal
}

const PROTOCOLS: readonly ProtocolName[] = ["ledger", "proxy", "meet", "chain"]

/** Opens the {@link Transport} over TCP with Noise and Yamux. */
export async function openLibp2pTransport(options: Libp2pTransportOptions): Promise<Result<Transport, "PORT_IN_USE" | "LISTEN_FAILED">> {
  const { listen, signal } = options
  signal?.throwIfAborted()
  try {
    const transport = new Libp2pTransport(await startHost(options, PROTOCOLS.map(nameOf)))
    await transport.answer()
    return ok(transport)
  } catch (cause) {
    const text = messagesOf(cause)
    if (text.includes("EADDRINUSE"))
      return refuse("PORT_IN_USE", `another program listens at ${listen.join(" ")}; stop it, or change "listen" in config.json`)
    if (/EADDRNOTAVAIL|EACCES|listen|addresses/i.test(text))
      return refuse("LISTEN_FAILED", `this machine cannot listen at ${listen.join(" ")}; change "listen" in config.json`)
    throw new KeygroveError("LISTEN_FAILED", `the network could not be started at ${listen.join(" ")}`, { cause })
  }
}

/** A stream to a peer: being opened, or open as long as `channel` says so. */
interface ChannelSlot {
  readonly opening: Promise<Result<OutboundChannel, RequestRefusal>>
  channel?: OutboundChannel
}

class Libp2pTransport implements Transport {
  readonly #node: Libp2p
  readonly #channels: Map<string, ChannelSlot> = new Map()
  readonly #handlers: Map<ProtocolName, RequestHandler> = new Map()
  readonly #load = new InboundLoad()
  readonly #stop = new AbortController()

  constructor(node: Libp2p) {
    this.#node = node
  }

  addresses(): readonly string[] {
    return this.#node.getMultiaddrs().map((address) => address.toString().replace(/\/p2p\/[^/]+$/, ""))
  }

  peers(): readonly Uint8Array[] {
    return this.#node.getPeers().flatMap((peer) => signingKeyOf(peer) ?? [])
  }

  async request(
    peer: PeerAddress,
    protocol: ProtocolName,
    body: Uint8Array,
    options: CallOptions,
  ): Promise<Result<Uint8Array, RequestRefusal>> {
    const { signal } = options
    if (signal.aborted) return refuseTimeout(signal)
    const tooLong = refuseTooLong(body)
    if (tooLong !== undefined) return tooLong
    const wasOpen = this.#channels.get(keyOf(peer, protocol))?.channel !== undefined
    const call = async (): Promise<Result<Uint8Array, RequestRefusal>> => {
      const channel = await this.#channel(peer, protocol, signal)
      return channel.ok ? await channel.value.call(body, options) : channel
    }
    try {
      const first = await call()
      // A stream from before the peer's restart fails only when it is used; every request of ours may be sent twice.
      if (first.ok || first.code !== "PEER_CLOSED" || !wasOpen) return first
      return await call()
    } catch (error) {
      if (!signal.aborted) throw error
      return refuseTimeout(signal)
    }
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

  /** Takes streams of all protocols from now on; which of them are served is known when a request comes. */
  async answer(): Promise<void> {
    for (const protocol of PROTOCOLS)
      await this.#node.handle(nameOf(protocol), (stream, { remotePeer }) => this.#serve(protocol, stream, signingKeyOf(remotePeer)))
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort()
    for (const { channel } of this.#channels.values()) channel?.close()
    this.#channels.clear()
    // Every stream has ended; a polite end of the connections would wait half a second for peers that have nothing to add.
    for (const connection of this.#node.getConnections()) connection.abort(new Error("closed"))
    await this.#node.stop()
  }

  async #serve(protocol: ProtocolName, stream: Stream, from: Uint8Array | undefined): Promise<void> {
    if (from === undefined) return stream.abort(new Error("only Ed25519 keys are known here"))
    await serveStream(stream, { from, handler: () => this.#handlers.get(protocol), load: this.#load, stop: this.#stop.signal })
  }

  async #channel(peer: PeerAddress, protocol: ProtocolName, signal: AbortSignal): Promise<Result<OutboundChannel, RequestRefusal>> {
    const key = keyOf(peer, protocol)
    const known = this.#channels.get(key)
    const isUsable = known !== undefined && (known.channel === undefined || known.channel.open)
    const slot: ChannelSlot = isUsable ? known : { opening: this.#open(peer, protocol) }
    if (!isUsable) this.#remember(key, slot)
    const opened = await abortable(slot.opening, signal)
    if (opened.ok) slot.channel = opened.value
    else if (this.#channels.get(key) === slot) this.#channels.delete(key)
    return opened
  }

  /** Keeps a line, and none of those that ended. */
  #remember(key: string, slot: ChannelSlot): void {
    for (const [other, { channel }] of this.#channels) if (channel?.open === false) this.#channels.delete(other)
    this.#channels.set(key, slot)
  }

  /** Opens a stream of its own lifetime: the request that needed it first may be aborted without harm to the others. */
  async #open(peer: PeerAddress, protocol: ProtocolName): Promise<Result<OutboundChannel, RequestRefusal>> {
    if (this.#stop.signal.aborted) return closing()
    const id = peerIdOf(peer.signingKey)
    const signal = AbortSignal.any([this.#stop.signal, AbortSignal.timeout(DIAL_TIMEOUT_MS)])
    const targets = dialable(peer, id)
    const connection = this.#node.getConnections(id).find(({ status }) => status === "open")
    if (connection === undefined && targets.length === 0)
      return refuse("PEER_UNREACHABLE", `no address of the node ${id.toString()} is known`)
    try {
      const stream =
        connection === undefined
          ? await this.#node.dialProtocol(targets, nameOf(protocol), { signal })
          : await connection.newStream(nameOf(protocol), { signal })
      return ok(new OutboundChannel(stream))
    } catch (error) {
      return this.#stop.signal.aborted ? closing() : refuseLine(id.toString(), peer, error)
    }
  }
}

function nameOf(protocol: ProtocolName): string {
  return `/keygrove/1/${protocol}`
}

function keyOf(peer: PeerAddress, protocol: ProtocolName): string {
  return `${toHex(peer.signingKey)} ${protocol}`
}

function closing(): Result<never, "PEER_CLOSED"> {
  return refuse("PEER_CLOSED", "this node is closing its lines")
}

async function abortable<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  signal.throwIfAborted()
  const { promise: aborted, reject } = Promise.withResolvers<never>()
  const onAbort = (): void => reject(signal.reason)
  signal.addEventListener("abort", onAbort, { once: true })
  try {
    return await Promise.race([promise, aborted])
  } finally {
    signal.removeEventListener("abort", onAbort)
  }
}
