import { createPrivateKey, sign, type KeyObject } from "node:crypto"
import { createServer, type AddressInfo, type Socket } from "node:net"
import { once } from "node:events"
import { unwrap } from "@keygrove/base"
import type { Transport } from "@keygrove/service"
import { kitKey, kitSeed } from "../../../core/ledger/src/ledger-kit.contract.ts"
import type { TransportNetwork } from "../../../service/src/ports/transport.contract.ts"
import type { HandshakeSigner } from "./remote-private-key.ts"
import { openLibp2pTransport } from "./transport.ts"

const PKCS8_PREFIX = Buffer.from("302e020100300506032b657004220420", "hex")
export const LOOPBACK = "/ip4/127.0.0.1/tcp/0"

/** Signs as the keystore of the named node would. */
export function kitSigner(name: string): HandshakeSigner {
  using seed = kitSeed(name)
  const key: KeyObject = seed.expose((bytes) =>
    createPrivateKey({ key: Buffer.concat([PKCS8_PREFIX, bytes]), format: "der", type: "pkcs8" }),
  )
  return async (message) => new Uint8Array(sign(null, message, key))
}

/** A transport of the named node. */
export async function openKitTransport(name: string, listen: readonly string[] = [LOOPBACK]): Promise<Transport> {
  return unwrap(await openLibp2pTransport({ signingKey: kitKey(name), sign: kitSigner(name), listen }))
}

/** Real nodes on this machine. */
export function loopbackNetwork(): TransportNetwork {
  const nodes = new AsyncDisposableStack()
  return {
    keyOf: kitKey,
    join: async (name) => {
      const transport = nodes.use(await openKitTransport(name))
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
