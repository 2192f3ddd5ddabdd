import { connect, constants, type ClientHttp2Session, type ClientHttp2Stream, type IncomingHttpHeaders } from "node:http2"
import { frameMessage, GrpcFrames } from "./grpc-frames.ts"
import { statusIn, type GrpcStatus } from "./grpc-status.ts"

/** What TLS needs: certificates of authorities, and the own one with its key where the server asks for it; PEM. */
export interface GrpcTls {
  readonly ca: Uint8Array
  readonly own?: { readonly certificate: Uint8Array; readonly key: Uint8Array }
}

export interface GrpcCall {
  /** Such as `/etcdserverpb.KV/Range`. */
  readonly path: string
  readonly message: Uint8Array
  readonly headers: Readonly<Record<string, string>>
  /** Ends the call, which then comes out as `lost`. */
  readonly signal: AbortSignal
}

/** How a call came out. `lost`: there is no answer, and whether the server did what it was asked is not known if the request `left`. */
export type GrpcOutcome =
  | { readonly kind: "answered"; readonly body: Uint8Array }
  | ({ readonly kind: "refused" } & GrpcStatus)
  | { readonly kind: "lost"; readonly message: string; readonly left: boolean }

type GrpcEnd = Exclude<GrpcOutcome, { readonly kind: "answered" }> | { readonly kind: "ended" }

/** A server that does not even answer a ping is gone, though its connection may look alive: a stopped process, a cut line. etcd allows one each 5 s. */
const PING_INTERVAL_MS = 10_000
const PING_TIMEOUT_MS = 5_000
/** So that a slice comes without waiting for windows. */
const WINDOW_BYTES = 4 * 1024 * 1024
/** Megabytes that Node may hold for one connection. */
const MAX_SESSION_MEGABYTES = 64

/** gRPC with one server over one HTTP/2 connection, opened when it is needed and again after it was lost. */
export class GrpcConnection implements Disposable {
  readonly #authority: string
  readonly #tls: GrpcTls | undefined
  #session: ClientHttp2Session | undefined
  /** Sessions over which something can have left. */
  readonly #connected = new WeakSet<ClientHttp2Session>()
  #heard = 0
  #isDisposed = false

  /** @param place HOST:PORT */
  constructor(place: string, tls: GrpcTls | undefined) {
    this.#authority = `${tls === undefined ? "http" : "https"}://${place}`
    this.#tls = tls
  }

  /** One request, one answer, within `timeoutMs`. Never throws. */
  async unary(call: GrpcCall, timeoutMs: number): Promise<GrpcOutcome> {
    const late = new AbortController()
    const before = this.#heard
    const timer = setTimeout(() => late.abort(), timeoutMs)
    const tooMany = new AbortController()
    const messages: Uint8Array[] = []
    const onMessage = (message: Uint8Array): void => {
      if (messages.push(message) > 1) tooMany.abort()
    }
    const headers = { ...call.headers, "grpc-timeout": `${timeoutMs}m` }
    const signal = AbortSignal.any([call.signal, late.signal, tooMany.signal])
    const end = await this.#exchange({ ...call, headers, signal }, { isOpen: false, onMessage })
    clearTimeout(timer)
    // Silent all the time: the next call had better try a fresh connection.
    if (late.signal.aborted && this.#heard === before) this.#drop()
    if (end.kind === "lost" && late.signal.aborted) return { ...end, message: `no answer within ${timeoutMs} ms` }
    if (end.kind !== "ended" && !tooMany.signal.aborted) return end
    const [body] = messages
    return body !== undefined && messages.length === 1
      ? { kind: "answered", body }
      : { kind: "lost", message: `it answered with ${messages.length === 0 ? "no message" : "more than one message"}`, left: true }
  }

  /** One request, many answers, until the signal or the server ends it. Never throws, unless `onMessage` does. */
  async stream(call: GrpcCall, onMessage: (message: Uint8Array) => void): Promise<GrpcEnd> {
    const session = this.#open()
    using _alive = session === undefined ? undefined : keepAlive(session)
    return await this.#exchange(call, { isOpen: true, onMessage })
  }

  /** Calls under way are lost, and so is every later one. */
  [Symbol.dispose](): void {
    this.#isDisposed = true
    this.#drop()
  }

  #drop(): void {
    if (this.#session !== undefined) giveUp(this.#session)
    this.#session = undefined
  }

  async #exchange(
    { headers, message, path, signal }: GrpcCall,
    { isOpen, onMessage }: { readonly isOpen: boolean; readonly onMessage: (message: Uint8Array) => void },
  ): Promise<GrpcEnd> {
    const session = this.#open()
    if (session === undefined || signal.aborted) return { kind: "lost", message: "the connection could not be opened", left: false }
    const sent = { ":method": "POST", ":path": path, "content-type": "application/grpc+proto", te: "trailers", ...headers }
    let stream: ClientHttp2Stream
    try {
      stream = session.request(sent, { endStream: false })
    } catch (error) {
      this.#drop()
      return { kind: "lost", message: reasonOf(error), left: false }
    }
    const onAbort = (): void => stream.close(constants.NGHTTP2_CANCEL)
    signal.addEventListener("abort", onAbort, { once: true })
    const frame = frameMessage(message)
    if (isOpen) stream.write(frame)
    else stream.end(frame)
    const end = await this.#read(stream, onMessage)
    signal.removeEventListener("abort", onAbort)
    return end.kind === "lost" ? { ...end, left: end.left && this.#connected.has(session) } : end
  }

  /** Reads an answer to its end. */
  async #read(stream: ClientHttp2Stream, onMessage: (message: Uint8Array) => void): Promise<GrpcEnd> {
    const { promise, resolve } = Promise.withResolvers<GrpcEnd>()
    const lose = (message: string): void => {
      resolve({ kind: "lost", message, left: true })
      stream.close(constants.NGHTTP2_CANCEL)
    }
    const frames = new GrpcFrames()
    let status: GrpcStatus | undefined
    const onHeaders = (headers: IncomingHttpHeaders): void => {
      this.#heard++
      status ??= statusIn(headers)
    }
    stream.on("response", (headers) => {
      onHeaders(headers)
      const misfit = misfitOf(headers)
      if (misfit !== undefined) lose(misfit)
    })
    stream.on("trailers", onHeaders)
    stream.on("data", (chunk: Uint8Array) => {
      this.#heard++
      const messages = frames.push(chunk)
      if (messages === undefined) lose("its answer is not framed as gRPC, or too long")
      else for (const message of messages) onMessage(message)
    })
    stream.on("error", (error: Error) => lose(reasonOf(error)))
    stream.on("close", () => {
      if (status === undefined) lose("it closed the call without a status")
      else if (status.status !== 0) resolve({ kind: "refused", ...status })
      else if (frames.isPartial) lose("its answer ends in the middle")
      else resolve({ kind: "ended" })
    })
    return await promise
  }

  /** The connection, opened if there is none; `undefined` when it cannot even be begun. */
  #open(): ClientHttp2Session | undefined {
    if (this.#isDisposed) return undefined
    const known = this.#session
    if (known !== undefined && !known.closed && !known.destroyed) return known
    const tls = this.#tls
    const own = tls?.own === undefined ? {} : { cert: Buffer.from(tls.own.certificate), key: Buffer.from(tls.own.key) }
    try {
      const session = connect(this.#authority, {
        maxSessionMemory: MAX_SESSION_MEGABYTES,
        settings: { initialWindowSize: WINDOW_BYTES, enablePush: false },
        ...(tls === undefined ? {} : { ca: Buffer.from(tls.ca), ...own }),
      })
      // Each call hears of it by its own stream.
      session.on("error", () => undefined)
      session.once("connect", () => {
        this.#connected.add(session)
        if (!session.destroyed) session.setLocalWindowSize(WINDOW_BYTES)
      })
      session.once("close", () => {
        if (this.#session === session) this.#session = undefined
      })
      session.unref()
      this.#session = session
      return session
    } catch {
      return undefined
    }
  }
}

/** Pings a server again and again, and gives the connection up when it does not answer one. */
function keepAlive(session: ClientHttp2Session): Disposable {
  let silent: NodeJS.Timeout | undefined
  const timer = setInterval(() => {
    if (silent !== undefined || session.destroyed) return
    silent = setTimeout(() => giveUp(session), PING_TIMEOUT_MS)
    session.ping(() => {
      clearTimeout(silent)
      silent = undefined
    })
  }, PING_INTERVAL_MS)
  return {
    [Symbol.dispose]: () => {
      clearInterval(timer)
      clearTimeout(silent)
    },
  }
}

function giveUp(session: ClientHttp2Session): void {
  session.destroy(new Error("the connection was given up, because nothing came over it"))
}

/** Why an answer is none of gRPC. */
function misfitOf(headers: IncomingHttpHeaders & { readonly ":status"?: number | undefined }): string | undefined {
  if (headers[":status"] !== 200) return `it answered with HTTP status ${String(headers[":status"])}`
  const type = headers["content-type"]
  return typeof type === "string" && type.startsWith("application/grpc") ? undefined : "it answered with something else than gRPC"
}

/** Codes and texts of Node's errors, in one line. */
function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return "unknown reason"
  const cause = error.cause instanceof Error ? error.cause : error
  const code = "code" in cause && typeof cause.code === "string" ? cause.code : undefined
  const text = cause.message.replaceAll(/[^\x20-\x7e]/g, "?").slice(0, 200)
  return code === undefined || text.includes(code) ? text : `${code}: ${text}`
}
