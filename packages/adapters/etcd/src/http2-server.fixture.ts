import { createServer as createHttp2Server, type ServerHttp2Stream } from "node:http2"
import { createServer, type AddressInfo, type Server } from "node:net"

const GRPC = { ":status": 200, "content-type": "application/grpc" }

/** A server on loopback, for a connection to be tried at. */
export interface KitServer extends AsyncDisposable {
  readonly port: number
  /** How many connections were opened, and how many of them are over. */
  readonly opened: number
  readonly closed: number
}

/** A server of HTTP/2 that answers each call so. */
export async function answering(answer: (stream: ServerHttp2Stream) => void): Promise<KitServer> {
  const server = createHttp2Server()
  server.on("session", (session) => session.on("error", () => undefined))
  server.on("stream", (stream) => {
    stream.on("error", () => undefined)
    answer(stream)
  })
  return await listen(server)
}

/** A server that says these bytes to whoever connects, and then nothing. */
export async function saying(bytes: Uint8Array): Promise<KitServer> {
  const server = createServer((socket) => {
    socket.on("error", () => undefined)
    // Who does not read does not hear of the end either.
    socket.resume()
    socket.write(bytes)
  })
  return await listen(server)
}

/** One message as gRPC frames it: 0 for not compressed, its length in four bytes, itself. */
export function frame(message: Uint8Array): Uint8Array {
  const framed = Buffer.alloc(5 + message.length)
  framed.writeUInt32BE(message.length, 1)
  framed.set(message, 5)
  return framed
}

/** Answers a call with this body and these trailers. */
export function withTrailers(stream: ServerHttp2Stream, body: Uint8Array, trailers: Record<string, string>): void {
  stream.respond(GRPC, { waitForTrailers: true })
  stream.on("wantTrailers", () => stream.sendTrailers(trailers))
  stream.end(body)
}

/** Answers a call with a status alone. */
export function withStatus(stream: ServerHttp2Stream, status: Record<string, string>): void {
  stream.respond({ ...GRPC, ...status }, { endStream: true })
}

async function listen(server: Server): Promise<KitServer> {
  const sockets = new Set<{ destroy(): void }>()
  let opened = 0
  server.on("connection", (socket) => {
    opened++
    sockets.add(socket)
    socket.on("close", () => sockets.delete(socket))
  })
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve))
  const address: AddressInfo | string | null = server.address()
  if (address === null || typeof address === "string") throw new TypeError("not bound to a port")
  return {
    port: address.port,
    get opened() {
      return opened
    },
    get closed() {
      return opened - sockets.size
    },
    [Symbol.asyncDispose]: async () => {
      for (const socket of sockets) socket.destroy()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}
