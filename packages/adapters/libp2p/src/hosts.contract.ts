import { createPrivateKey, sign, type KeyObject } from "node:crypto"
import { createServer, type AddressInfo, type Socket } from "node:net"
import { once } from "node:events"
import { unwrap } from "@keygrove/base"
import type { CallOptions, Clock, Transport, TransportIdentity } from "@keygrove/service"
import { kitKey, kitSeed } from "../../../core/ledger/src/ledger-kit.contract.ts"
import type { TransportNetwork } from "../../../service/src/ports/transport-kit.contract.ts"
import { openLibp2pTransport } from "./transport.ts"

const PKCS8_PREFIX = Buffer.from("302e020100300506032b657004220420", "hex")
export const LOOPBACK = "/ip4/127.0.0.1/tcp/0"

/** Signs as the keystore of the named node would. */
export function kitSigner(name: string): TransportIdentity["sign"] {
  using seed = kitSeed(name)
  const key: KeyObject = seed.expose((bytes) =>
    createPrivateKey({ key: Buffer.concat([PKCS8_PREFIX, bytes]), format: "der", type: "pkcs8" }),
  )
  return async (message) => new Uint8Array(sign(null, message, key))
}

/** What the named node is. */
export function kitIdentity(name: string): TransportIdentity {
  return { signingKey: kitKey(name), sign: kitSigner(name) }
}

/** Time that passes only when a test says so. */
export class KitTime implements Pick<Clock, "sleep"> {
  readonly #sleepers: { leftMs: number; readonly wake: () => void }[] = []

  async sleep(durationMs: number, { signal }: CallOptions): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    signal.addEventListener("abort", () => reject(signal.reason), { once: true })
    this.#sleepers.push({ leftMs: durationMs, wake: resolve })
    await promise
  }

  /** Wakes whoever has slept enough, one second after the other, so that they may sleep again. */
  async pass(durationMs: number): Promise<void> {
    for (let passedMs = 0; passedMs < durationMs; passedMs += 1_000) {
      for (const sleeper of this.#sleepers) sleeper.leftMs -= 1_000
      for (const sleeper of this.#sleepers.filter(({ leftMs }) => leftMs === 0)) sleeper.wake()
      await new Promise<void>((resolve) => setImmediate(resolve))
    }
  }
}

/** A transport of the named node. */
export async function openKitTransport(
  name: string,
  listen: readonly string[] = [LOOPBACK],
  clock: Pick<Clock, "sleep"> = new KitTime(),
): Promise<Transport> {
  return unwrap(await openLibp2pTransport({ ...kitIdentity(name), listen, clock }))
}

/** Real nodes on this machine. */
export function loopbackNetwork(): TransportNetwork {
  const nodes = new AsyncDisposableStack()
  const time = new KitTime()
  return {
    keyOf: kitKey,
    identityOf: kitIdentity,
    pass: (durationMs) => time.pass(durationMs),
    join: async (name) => {
      const transport = nodes.use(await openKitTransport(name, [LOOPBACK], time))
      const address = { signingKey: kitKey(name), addresses: transport.addresses() }
      return { transport, address, [Symbol.asyncDispose]: () => transport[Symbol.asyncDispose]() }
    },
    [Symbol.asyncDispose]: () => nodes.disposeAsync(),
  }
}

/** A server that accepts connections and never says a word. */
export interface MuteServer extends AsyncDisposable {
  readonly address: string
  /** Resolves with the first connection. */
  readonly accepted: Promise<Socket>
}

/** Starts a {@link MuteServer} on a free port. */
export async function startMuteServer(): Promise<MuteServer> {
  const accepted = Promise.withResolvers<Socket>()
  const sockets = new Set<Socket>()
  const server = createServer((socket) => {
    sockets.add(socket)
    socket.on("error", () => undefined)
    accepted.resolve(socket)
  })
  server.listen(0, "127.0.0.1")
  await once(server, "listening")
  // A server that listens on a port has an address of this form.
  const { port } = server.address() as AddressInfo
  return {
    address: `/ip4/127.0.0.1/tcp/${port}`,
    accepted: accepted.promise,
    [Symbol.asyncDispose]: async () => {
      for (const socket of sockets) socket.destroy()
      server.close()
      await once(server, "close")
    },
  }
}
