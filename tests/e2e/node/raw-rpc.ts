import { request, type IncomingHttpHeaders, type OutgoingHttpHeaders } from "node:http"
import { connect, createServer, type Socket } from "node:net"

/** Where a JSON-RPC server listens. */
export type RpcPlace = { readonly socketPath: string } | { readonly host: string; readonly port: number }

export interface RawAnswer {
  readonly status: number
  readonly headers: IncomingHttpHeaders
  readonly text: string
  /** The body as JSON; `undefined` when it is none. */
  readonly json: unknown
}

export interface RawRequest {
  readonly method?: string
  readonly path?: string
  readonly headers?: OutgoingHttpHeaders
  readonly body?: string | Uint8Array
  /** Sends the body in pieces, without saying its length first. */
  readonly chunked?: boolean
}

/** One HTTP request with everything as given, also what no client of ours would send. */
export async function sendRaw(
  place: RpcPlace,
  { method = "POST", path = "/", headers = {}, body = "", chunked = false }: RawRequest,
): Promise<RawAnswer> {
  const length = chunked ? { "transfer-encoding": "chunked" } : { "content-length": Buffer.byteLength(body) }
  const sent = request({ ...place, method, path, agent: false, headers: { ...length, ...headers } })
  return await new Promise((resolve, reject) => {
    let answered = false
    sent
      .on("error", (error) => answered || reject(error))
      .on("response", (response) => {
        answered = true
        const chunks: Buffer[] = []
        response.on("data", (chunk: Buffer) => chunks.push(chunk)).on("error", reject)
        response.on("end", () => {
          const text = Buffer.concat(chunks).toString("utf8")
          resolve({ status: response.statusCode ?? 0, headers: response.headers, text, json: parse(text) })
        })
      })
    sent.end(body)
  })
}

/** Sends bytes that need not be HTTP and closes at once or after the answer; resolves when the connection is gone. */
export async function sendBytes(place: RpcPlace, bytes: Uint8Array, close: "at once" | "when answered"): Promise<void> {
  const socket = open(place)
  await new Promise<void>((resolve) => {
    socket.on("error", () => undefined).on("close", () => resolve())
    socket.on("data", () => socket.destroy())
    socket.write(bytes, () => (close === "at once" ? socket.destroy() : socket.end()))
  })
}

/** A connection over which a request was begun and not ended. */
export async function beginRequest(place: RpcPlace, authorization: string): Promise<Disposable> {
  const socket = open(place)
  socket.on("error", () => undefined)
  const head = `POST / HTTP/1.1\r\nhost: localhost\r\nauthorization: ${authorization}\r\ncontent-length: 100\r\n\r\n{`
  await new Promise<void>((resolve) => socket.write(head, () => resolve()))
  return { [Symbol.dispose]: () => socket.destroy() }
}

/** A TCP port of 127.0.0.1 that was free a moment ago. */
export async function freePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve))
  const address = server.address()
  await new Promise((resolve) => server.close(resolve))
  return typeof address === "object" && address !== null ? address.port : 0
}

function open(place: RpcPlace): Socket {
  return "socketPath" in place ? connect(place.socketPath) : connect(place.port, place.host)
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
