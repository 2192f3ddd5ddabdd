import { equalBytes, KeygroveError, ok, refuse, toHex, type Result } from "@keygrove/base"
import {
  refuseTooLong,
  untilLeft,
  type CallOptions,
  type Clock,
  type MoveRefusal,
  type PeerAddress,
  type ProtocolName,
  type RequestHandler,
  type RequestRefusal,
  type Transport,
  type TransportIdentity,
} from "@keygrove/service"
import type { HostOptions } from "./host.ts"
import { closing, IdentityHost, type HostServing } from "./identity-host.ts"
import { InboundLoad } from "./inbound-load.ts"
import { messagesOf, refuseTimeout } from "./refusals.ts"

export interface Libp2pTransportOptions extends HostOptions {
  /** Tells when the lines of a key that was left are to end. */
  readonly clock: Pick<Clock, "sleep">
  readonly signal?: AbortSignal
}

/** Hosts of keys that were left; beyond it the oldest ends at once. */
const MAX_LEFT_HOSTS = 4

/** Opens the {@link Transport} over TCP with Noise and Yamux. */
export async function openLibp2pTransport(options: Libp2pTransportOptions): Promise<Result<Transport, "PORT_IN_USE" | "LISTEN_FAILED">> {
  const { clock, signal } = options
  signal?.throwIfAborted()
  const handlers: Handlers = new Map()
  const serving: HostServing = { handlers, load: new InboundLoad() }
  const host = await startHost(options, serving)
  return host.ok ? ok(new Libp2pTransport(host.value, { clock, handlers, serving })) : host
}

type Handlers = Map<ProtocolName, RequestHandler>

interface Front {
  readonly clock: Pick<Clock, "sleep">
  readonly handlers: Handlers
  readonly serving: HostServing
}

/** The host of the node's key, and for a while after a move that of the key before, whose lines are left to end. */
class Libp2pTransport implements Transport {
  readonly #front: Front
  /** As it listens since it was opened: with the ports that the system chose. */
  readonly #listen: readonly string[]
  readonly #stop = new AbortController()
  readonly #left: Set<IdentityHost> = new Set()
  #host: IdentityHost
  #lastMove: Promise<unknown> = Promise.resolve()

  constructor(host: IdentityHost, front: Front) {
    this.#host = host
    this.#front = front
    this.#listen = host.listening()
  }

  addresses(): readonly string[] {
    return this.#host.addresses()
  }

  peers(): readonly Uint8Array[] {
    const keys = [this.#host, ...this.#left].flatMap((host) => host.peers())
    return [...new Map(keys.map((key) => [toHex(key), key])).values()]
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
    const host = this.#host
    try {
      const first = await host.request(peer, protocol, body, options)
      // A line that was being opened, or ended, under a key that this node left meanwhile.
      const hasMoved = host !== this.#host && !first.ok && (first.code === "PEER_UNREACHABLE" || first.code === "PEER_CLOSED")
      return hasMoved ? await this.#host.request(peer, protocol, body, options) : first
    } catch (error) {
      if (!signal.aborted) throw error
      return refuseTimeout(signal)
    }
  }

  serve(protocol: ProtocolName, handler: RequestHandler): Disposable {
    const { handlers } = this.#front
    if (handlers.has(protocol)) throw new TypeError(`protocol ${protocol} is served already`)
    handlers.set(protocol, handler)
    return {
      [Symbol.dispose]: () => {
        if (handlers.get(protocol) === handler) handlers.delete(protocol)
      },
    }
  }

  disconnect(signingKey: Uint8Array): void {
    for (const host of [this.#host, ...this.#left]) host.disconnect(signingKey)
  }

  async move(identity: TransportIdentity, options: CallOptions): Promise<Result<true, MoveRefusal>> {
    const mine = this.#lastMove.then(() => this.#moveNow(identity, options))
    this.#lastMove = mine.catch(() => undefined)
    return await mine
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort()
    await Promise.all([this.#host, ...this.#left].map((host) => host.close()))
    // A move that was under way may have made one more.
    await this.#lastMove
    await this.#host.close()
  }

  async #moveNow(identity: TransportIdentity, { signal }: CallOptions): Promise<Result<true, MoveRefusal>> {
    signal.throwIfAborted()
    const left = this.#host
    if (this.#stop.signal.aborted) return closing()
    if (equalBytes(identity.signingKey, left.signingKey)) return ok(true)
    const listenAgain = left.stopListening()
    // Whoever took the address may keep it; the next move tries it again.
    const stay = async (): Promise<void> => await listenAgain().catch(() => undefined)
    const next = await startHost({ ...identity, listen: this.#listen }, this.#front.serving).catch(async (error: unknown) => {
      await stay()
      throw error
    })
    if (!next.ok) {
      await stay()
      return next
    }
    this.#host = next.value
    this.#left.add(left)
    void this.#end(left)
    const [oldest] = this.#left
    if (oldest !== undefined && this.#left.size > MAX_LEFT_HOSTS) await this.#close(oldest)
    return ok(true)
  }

  /** Ends a host that was left when nothing is under way on its lines any more, or its time is over. */
  async #end(host: IdentityHost): Promise<void> {
    try {
      await untilLeft(host.activity, this.#front.clock, { signal: this.#stop.signal })
    } catch {
      // The transport is being disposed of, which closes all hosts.
      return
    }
    await this.#close(host)
  }

  async #close(host: IdentityHost): Promise<void> {
    this.#left.delete(host)
    await host.close()
  }
}

/** Starts a host. @throws what is no matter of its address */
async function startHost(options: HostOptions, serving: HostServing): Promise<Result<IdentityHost, "PORT_IN_USE" | "LISTEN_FAILED">> {
  const { listen } = options
  try {
    const host = await IdentityHost.make(options, serving)
    await host.start()
    return ok(host)
  } catch (cause) {
    const text = messagesOf(cause)
    if (text.includes("EADDRINUSE"))
      return refuse("PORT_IN_USE", `another program listens at ${listen.join(" ")}; stop it, or change "listen" in config.json`)
    if (/EADDRNOTAVAIL|EACCES|listen|addresses/i.test(text))
      return refuse("LISTEN_FAILED", `this machine cannot listen at ${listen.join(" ")}; change "listen" in config.json`)
    throw new KeygroveError("LISTEN_FAILED", `the network could not be started at ${listen.join(" ")}`, { cause })
  }
}
