import { ok, refuse, toHex, type Result } from "@keygrove/base"
import {
  LineActivity,
  type CallOptions,
  type PeerAddress,
  type ProtocolName,
  type RequestHandler,
  type RequestRefusal,
} from "@keygrove/service"
import type { Stream } from "@libp2p/interface"
import type { Libp2p } from "libp2p"
import { dialable, peerIdOf, signingKeyOf } from "./addresses.ts"
import { DIAL_TIMEOUT_MS, makeHost, type HostOptions } from "./host.ts"
import { serveStream } from "./inbound-channel.ts"
import type { InboundLoad } from "./inbound-load.ts"
import { OutboundChannel } from "./outbound-channel.ts"
import { OwnListeners } from "./own-listeners.ts"
import { refuseLine } from "./refusals.ts"

const PROTOCOLS: readonly ProtocolName[] = ["ledger", "proxy", "join", "meet", "chain", "move", "pieces"]

/** What all hosts of one node serve, and what callers may make them hold together. */
export interface HostServing {
  readonly handlers: ReadonlyMap<ProtocolName, RequestHandler>
  readonly load: InboundLoad
}

/** A stream to a peer: being opened, or open as long as `channel` says so. */
interface ChannelSlot {
  readonly opening: Promise<Result<OutboundChannel, RequestRefusal>>
  channel?: OutboundChannel
}

/** A node under one key: a libp2p host, its lines and what is under way on them. */
export class IdentityHost {
  readonly signingKey: Uint8Array
  readonly activity: LineActivity = new LineActivity()
  readonly #listen: readonly string[]
  readonly #node: Libp2p
  readonly #listeners: OwnListeners
  readonly #serving: HostServing
  readonly #channels: Map<string, ChannelSlot> = new Map()
  readonly #stop = new AbortController()

  private constructor({ signingKey, listen }: HostOptions, node: Libp2p, listeners: OwnListeners, serving: HostServing) {
    this.signingKey = Uint8Array.from(signingKey)
    this.#listen = listen
    this.#node = node
    this.#listeners = listeners
    this.#serving = serving
  }

  /** A host that is ready to start, and takes streams of all protocols then; which of them are served is known when a request comes. */
  static async make(options: HostOptions, serving: HostServing): Promise<IdentityHost> {
    const listeners = new OwnListeners()
    const node = await makeHost(options, PROTOCOLS.map(nameOf), listeners)
    const host = new IdentityHost(options, node, listeners, serving)
    for (const protocol of PROTOCOLS)
      await node.handle(nameOf(protocol), (stream, { remotePeer }) => host.#serve(protocol, stream, signingKeyOf(remotePeer)))
    return host
  }

  /** Listens and calls from now on. @throws what libp2p throws when it cannot listen; the host is of no use then. */
  async start(): Promise<void> {
    await this.#node.start()
  }

  /** Takes no further lines and keeps those that are open; the addresses are free when it returns. What it returns listens again. */
  stopListening(): () => Promise<void> {
    return this.#listeners.pause()
  }

  /** What it was told to listen at, with the ports that the system chose. */
  listening(): readonly string[] {
    const ports = this.#listeners.ports()
    return this.#listen.map((address, index) => address.replace(/\/tcp\/0$/, `/tcp/${ports[index] ?? 0}`))
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
    using _tracked = this.activity.track()
    const wasOpen = this.#channels.get(keyOf(peer, protocol))?.channel !== undefined
    const call = async (): Promise<Result<Uint8Array, RequestRefusal>> => {
      const channel = await this.#channel(peer, protocol, options.signal)
      return channel.ok ? await channel.value.call(body, options) : channel
    }
    const first = await call()
    // A stream from before the peer's restart fails only when it is used; every request of ours may be sent twice.
    return first.ok || first.code !== "PEER_CLOSED" || !wasOpen ? first : await call()
  }

  /** Ends the lines to one peer. */
  disconnect(signingKey: Uint8Array): void {
    const peer = `${toHex(signingKey)} `
    for (const [key, { channel }] of this.#channels) {
      if (!key.startsWith(peer)) continue
      channel?.close()
      this.#channels.delete(key)
    }
    for (const connection of this.#node.getConnections(peerIdOf(signingKey))) connection.abort(new Error("disconnected"))
  }

  /** Ends all lines and whatever is under way on them; may be repeated. */
  async close(): Promise<void> {
    this.#stop.abort()
    for (const { channel } of this.#channels.values()) channel?.close()
    this.#channels.clear()
    // Every stream has ended; a polite end of the connections would wait half a second for peers that have nothing to add.
    for (const connection of this.#node.getConnections()) connection.abort(new Error("closed"))
    await this.#node.stop()
  }

  async #serve(protocol: ProtocolName, stream: Stream, from: Uint8Array | undefined): Promise<void> {
    if (from === undefined) return stream.abort(new Error("only Ed25519 keys are known here"))
    await serveStream(stream, {
      from,
      handler: () => this.#serving.handlers.get(protocol),
      load: this.#serving.load,
      activity: this.activity,
      stop: this.#stop.signal,
    })
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
    const dial = async (): Promise<Stream> => await this.#node.dialProtocol(targets, nameOf(protocol), { signal })
    try {
      if (connection === undefined) return ok(new OutboundChannel(await dial()))
      const stream = connection.newStream(nameOf(protocol), { signal }).catch(async (error: unknown) => {
        if (!(error instanceof Error) || error.name !== "ConnectionClosedError" || targets.length === 0) throw error
        // The peer ended the connection, and it is not marked so yet.
        connection.abort(error)
        return await dial()
      })
      return ok(new OutboundChannel(await stream))
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

/** Why nothing is asked any more. */
export function closing(): Result<never, "PEER_CLOSED"> {
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
