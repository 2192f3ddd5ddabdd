import { once } from "node:events"
import { connect, type Socket } from "node:net"
import { setFlagsFromString } from "node:v8"
import { runInNewContext } from "node:vm"
import { unwrap } from "@keygrove/base"
import type { Transport } from "@keygrove/service"
import { generateKeyPair } from "@libp2p/crypto/keys"
import type { Ed25519PrivateKey, Stream } from "@libp2p/interface"
import { noise } from "@libp2p/noise"
import { tcp } from "@libp2p/tcp"
import { yamux } from "@libp2p/yamux"
import { multiaddr, type Multiaddr } from "@multiformats/multiaddr"
import { createLibp2p, type Libp2p } from "libp2p"
import { expect } from "vitest"
import { kitKey } from "../../../core/ledger/src/ledger-kit.contract.ts"
import { peerIdOf } from "./addresses.ts"
import { LOOPBACK, openKitTransport } from "./hosts.contract.ts"

/** The protocol that hostile peers attack. */
export const ATTACKED = "/keygrove/1/proxy"
/** What a whole series of attacks may leave in this process, which holds the attackers too. */
export const MAX_LEFT_BYTES = 32_000_000
const call = { signal: new AbortController().signal }

/** A node under attack, which echoes. */
export interface Victim extends AsyncDisposable {
  readonly transport: Transport
  /** With its peer id. */
  readonly address: Multiaddr
  readonly port: number
}

/** Starts a {@link Victim} on a free port. */
export async function startVictim(): Promise<Victim> {
  const transport = await openKitTransport("victim")
  transport.serve("proxy", async ({ body }) => body)
  const [where = ""] = transport.addresses()
  return {
    transport,
    address: multiaddr(`${where}/p2p/${peerIdOf(kitKey("victim")).toString()}`),
    port: Number(where.split("/").at(-1)),
    [Symbol.asyncDispose]: () => transport[Symbol.asyncDispose](),
  }
}

/** Asks the victim what any node may ask, over a connection of its own. */
export async function expectService(victim: Victim): Promise<void> {
  await using honest = await openKitTransport("honest", [])
  const body = Uint8Array.of(1, 2, 3)
  const answer = await honest.request({ signingKey: kitKey("victim"), addresses: victim.transport.addresses() }, "proxy", body, call)
  expect(unwrap(answer)).toEqual(body)
}

/** A host of someone who knows libp2p well, with a key of its own, that keeps to no limit. */
export async function startHostileHost(key?: Ed25519PrivateKey): Promise<Libp2p & AsyncDisposable> {
  const host = await createLibp2p({
    privateKey: key ?? (await generateKeyPair("Ed25519")),
    addresses: { listen: [LOOPBACK] },
    transports: [tcp()],
    connectionEncrypters: [noise()],
    streamMuxers: [yamux({ maxOutboundStreams: 10_000, streamOptions: { maxReadBufferLength: 1e9 } })],
    connectionGater: { denyDialMultiaddr: () => false },
  })
  return Object.assign(host, {
    [Symbol.asyncDispose]: async () => {
      for (const connection of host.getConnections()) connection.abort(new Error("done"))
      await host.stop()
    },
  })
}

/** Resolves when the stream has ended, by whichever side. */
export async function streamEnd(stream: Stream): Promise<void> {
  if (stream.status !== "open") return
  const { promise, resolve } = Promise.withResolvers<void>()
  stream.addEventListener("close", () => resolve(), { once: true })
  await promise
}

/** Resolves when the socket has closed, with an error or without. */
export async function socketEnd(socket: Socket): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>()
  socket.once("close", () => resolve())
  await promise
}

/** A bare TCP connection to the victim. */
export async function openSocket(victim: Victim): Promise<Socket> {
  const socket = connect(victim.port, "127.0.0.1")
  // What the victim does to the socket is not of interest: it may reset it at any time.
  socket.on("error", () => undefined)
  await once(socket, "connect")
  return socket
}

/** Bytes in use after everything that can be collected was. */
export function collectedBytes(): number {
  setFlagsFromString("--expose-gc")
  const collect: unknown = runInNewContext("gc")
  if (typeof collect !== "function") throw new TypeError("no garbage collector to call")
  collect()
  const { heapUsed, arrayBuffers } = process.memoryUsage()
  return heapUsed + arrayBuffers
}
