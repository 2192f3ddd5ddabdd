import { connect, createServer, type AddressInfo, type Server, type Socket } from "node:net"
import type { EtcdEndpoint } from "./address.ts"

/** A line to a member that can be made to lose what comes back. */
export class CuttingProxy implements AsyncDisposable {
  readonly #server: Server
  readonly #target: EtcdEndpoint
  readonly #sockets = new Set<Socket>()
  #loses = false
  /** Bytes that came back and were lost. */
  lost = 0

  private constructor(target: EtcdEndpoint) {
    this.#target = target
    this.#server = createServer((near) => this.#join(near))
  }

  static async open(target: EtcdEndpoint): Promise<CuttingProxy> {
    const proxy = new CuttingProxy(target)
    await new Promise<void>((resolve) => proxy.#server.listen(0, "127.0.0.1", resolve))
    return proxy
  }

  get endpoint(): EtcdEndpoint {
    const address: AddressInfo | string | null = this.#server.address()
    if (address === null || typeof address === "string") throw new TypeError("not bound to a port")
    return { host: "127.0.0.1", port: address.port }
  }

  /** From now on requests arrive at the member, and no answer comes back; `false`: all is well again, over new connections. */
  loseAnswers(loses: boolean): void {
    this.#loses = loses
    if (!loses) this.#cut()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#cut()
    await new Promise((resolve) => this.#server.close(resolve))
  }

  #cut(): void {
    for (const socket of this.#sockets) socket.destroy()
    this.#sockets.clear()
  }

  #join(near: Socket): void {
    const far = connect(this.#target.port, this.#target.host)
    for (const socket of [near, far]) {
      this.#sockets.add(socket)
      socket.on("error", () => undefined)
      socket.on("close", () => [near, far].forEach((each) => each.destroy()))
    }
    near.on("data", (bytes) => far.write(bytes))
    far.on("data", (bytes) => {
      if (this.#loses) this.lost += bytes.length
      else near.write(bytes)
    })
  }
}
