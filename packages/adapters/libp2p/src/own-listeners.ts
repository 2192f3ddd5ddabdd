import { Server } from "node:net"
import type { CreateListenerOptions, Transport } from "@libp2p/interface"

/** What a host listens with, so that it can stop listening and keep its lines: libp2p only ends both together. */
export class OwnListeners {
  readonly #servers: Server[] = []

  /** Remembers what a transport listens with from now on. */
  watch(transport: Transport): Transport {
    const createListener = transport.createListener.bind(transport)
    transport.createListener = (options: CreateListenerOptions) => {
      const listener = createListener(options)
      // Private to the listener, which offers nothing that leaves its connections alone.
      const server: unknown = Reflect.get(listener, "server")
      if (!(server instanceof Server)) throw new TypeError("the TCP listener of this version of libp2p is not known here")
      this.#servers.push(server)
      return listener
    }
    return transport
  }

  /** The ports, in the order in which listening began. */
  ports(): readonly number[] {
    return this.#servers.map((server) => {
      const address = server.address()
      return address === null || typeof address === "string" ? 0 : address.port
    })
  }

  /** Takes no further connections; the ports are free when it returns. What it returns listens again at the same addresses. */
  pause(): () => Promise<void> {
    const again = this.#servers.map((server) => {
      const address = server.address()
      server.close()
      return async (): Promise<void> => {
        if (address === null || typeof address === "string") return
        const { promise, resolve, reject } = Promise.withResolvers<void>()
        server.once("error", reject)
        server.listen({ host: address.address, port: address.port, ipv6Only: address.family === "IPv6" }, resolve)
        await promise.finally(() => server.removeListener("error", reject))
      }
    })
    return async () => {
      await Promise.all(again.map(async (listen) => await listen()))
    }
  }
}
