import { KeygroveError, ok, refuse, toHex, type Result } from "@keygrove/base"
import type { CallOptions, PeerAddress, ProtocolName, RequestRefusal, Transport } from "@keygrove/service"
import { noise } from "@libp2p/noise"
import { tcp } from "@libp2p/tcp"
import { yamux } from "@libp2p/yamux"
import { multiaddr } from "@multiformats/multiaddr"
import { createLibp2p, type Libp2p } from "libp2p"
import { peerIdOf, signingKeyOf } from "./addresses.ts"
import { serveStream, type RequestHandler } from "./inbound-channel.ts"
import { OutboundChannel } from "./outbound-channel.ts"
import { remotePrivateKey, type HandshakeSigner } from "./remote-private-key.ts"

export interface Libp2pTransportOptions {
  /** The node's own Ed25519 signing key, 32 bytes. */
  readonly signingKey: Uint8Array
  readonly sign: HandshakeSigner
  /** Multiaddrs to listen at; none for a node that only calls. */
  readonly listen: readonly string[]
  readonly signal?: AbortSignal
}

const DIAL_TIMEOUT_MS = 5_000
const MAX_CONNECTIONS = 512
/** New connections of one host in a second; the default of 5 starves nodes that share a machine. */
const INBOUND_PER_SECOND = 256
const MAX_STREAMS = 256

/** Opens the {@link Transport} over TCP with Noise and Yamux. */
export async function openLibp2pTransport(options: Libp2pTransportOptions): Promise<Result<Transport, "PORT_IN_USE" | "LISTEN_FAILED">> {
  const { listen, sign, signal, signingKey } = options
  signal?.throwIfAborted()
  try {
    const node = await createLibp2p({
      privateKey: remotePrivateKey(signingKey, sign),
      addresses: { listen: [...listen] },
      transports: [tcp()],
      connectionEncrypters: [noise()],
      streamMuxers: [yamux({ maxInboundStreams: MAX_STREAMS, maxOutboundStreams: MAX_STREAMS })],
      connectionManager: { maxConnections: MAX_CONNECTIONS, inboundConnectionThreshold: INBOUND_PER_SECOND, dialTimeout: DIAL_TIMEOUT_MS },
      connectionGater: { denyDialMultiaddr: () => false },
    })
    return ok(new Libp2pTransport(node))
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
    options.signal.throwIfAborted()
    try {
      const key = `${toHex(peer.signingKey)} ${protocol}`
      const wasOpen = this.#channels.has(key)
      const call = async (): Promise<Result<Uint8Array, RequestRefusal>> => {
        const channel = await this.#channel(key, peer, protocol, options)
        return channel.ok ? await channel.value.call(body, options) : channel
      }
      const first = await call()
      // A stream from before the peer's restart fails only when it is used; every request of ours may be sent twice.
      if (first.ok || first.code !== "PEER_CLOSED" || !wasOpen) return first
      return await call()
    } catch (error) {
      if (!options.signal.aborted || !isTimeout(options.signal.reason)) throw error
      return refuse("PEER_TIMEOUT", "the node did not answer in time; try again, or use another")
    }
  }

  serve(protocol: ProtocolName, handler: RequestHandler): Disposable {
    const name = nameOf(protocol)
    const registered = this.#node.handle(
      name,
      async (stream, connection) => {
        const from = signingKeyOf(connection.remotePeer)
        if (from === undefined) stream.abort(new Error("only Ed25519 keys are known here"))
        else await serveStream(stream, from, handler, this.#stop.signal)
      },
      { maxInboundStreams: MAX_STREAMS, maxOutboundStreams: MAX_STREAMS, runOnLimitedConnection: false },
    )
    return { [Symbol.dispose]: () => void registered.then(() => this.#node.unhandle(name)) }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort()
    for (const { channel } of this.#channels.values()) channel?.close()
    this.#channels.clear()
    await this.#node.stop()
  }

  async #channel(
    key: string,
    peer: PeerAddress,
    protocol: ProtocolName,
    { signal }: CallOptions,
  ): Promise<Result<OutboundChannel, RequestRefusal>> {
    const known = this.#channels.get(key)
    const isUsable = known !== undefined && (known.channel === undefined || known.channel.open)
    const slot: ChannelSlot = isUsable ? known : { opening: this.#open(peer, protocol) }
    this.#channels.set(key, slot)
    const opened = await abortable(slot.opening, signal)
    if (opened.ok) slot.channel = opened.value
    else if (this.#channels.get(key) === slot) this.#channels.delete(key)
    return opened
  }

  /** Opens a stream of its own lifetime: the request that needed it first may be aborted without harm to the others. */
  async #open(peer: PeerAddress, protocol: ProtocolName): Promise<Result<OutboundChannel, RequestRefusal>> {
    const id = peerIdOf(peer.signingKey)
    const signal = AbortSignal.any([this.#stop.signal, AbortSignal.timeout(DIAL_TIMEOUT_MS)])
    try {
      const connected = this.#node.getConnections(id).some((connection) => connection.status === "open")
      const targets = peer.addresses.map((address) => multiaddr(`${address}/p2p/${id.toString()}`))
      if (!connected && targets.length === 0) return refuse("PEER_UNREACHABLE", "no address of the node is known")
      const stream = await this.#node.dialProtocol(connected ? id : targets, nameOf(protocol), { signal })
      return ok(new OutboundChannel(stream))
    } catch (error) {
      this.#stop.signal.throwIfAborted()
      return refuse(
        "PEER_UNREACHABLE",
        `the node ${id.toString()} cannot be reached at ${peer.addresses.join(" ") || "any address"} (${error instanceof Error ? error.name : "unknown"})`,
      )
    }
  }
}

function nameOf(protocol: ProtocolName): string {
  return `/keygrove/1/${protocol}`
}

async function abortable<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  const { promise: aborted, reject } = Promise.withResolvers<never>()
  const onAbort = (): void => reject(signal.reason)
  signal.addEventListener("abort", onAbort, { once: true })
  try {
    return await Promise.race([promise, aborted])
  } finally {
    signal.removeEventListener("abort", onAbort)
  }
}

function isTimeout(reason: unknown): boolean {
  return reason instanceof DOMException && reason.name === "TimeoutError"
}

/** All messages of an error and of those it wraps. */
function messagesOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  const wrapped = error instanceof AggregateError ? error.errors : []
  return [error.name, error.message, ...wrapped.map(messagesOf), error.cause === undefined ? "" : messagesOf(error.cause)].join(" ")
}
