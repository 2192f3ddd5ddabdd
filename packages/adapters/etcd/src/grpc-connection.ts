import type { SecureClientSessionOptions } from "node:http2"
import type { DescMessage, DescMethodStreaming, DescMethodUnary, MessageInitShape, MessageShape } from "@bufbuild/protobuf"
import { Code, ConnectError, type Transport } from "@connectrpc/connect"
import { createGrpcTransport, Http2SessionManager } from "@connectrpc/connect-node"
import { CallTrace, WINDOW_BYTES } from "./call-trace.ts"

/** What TLS needs: certificates of authorities, and the own one with its key where the server asks for it; PEM. */
export interface GrpcTls {
  readonly ca: Uint8Array
  readonly own?: { readonly certificate: Uint8Array; readonly key: Uint8Array }
}

/** A call of a method of the schema, see `etcd.proto`. */
export interface GrpcCall<M, I extends DescMessage> {
  readonly method: M
  readonly message: MessageInitShape<I>
  readonly headers: Readonly<Record<string, string>>
  /** Ends the call, which then comes out as `lost`. */
  readonly signal: AbortSignal
}

/** What a server says of a call that it does not do. */
export interface GrpcStatus {
  readonly status: Code
  /** Printable, at most 300 characters. */
  readonly message: string
}

/** How a call failed. `lost`: there is no answer, and whether the server did what it was asked is not known if the request may have `left`. */
export type GrpcFailure =
  | ({ readonly kind: "refused" } & GrpcStatus)
  | { readonly kind: "lost"; readonly message: string; readonly left: boolean }

/** How a call came out. */
export type GrpcOutcome<T> = { readonly kind: "answered"; readonly answer: T } | GrpcFailure

/** How a stream came to its end. */
export type GrpcEnd = { readonly kind: "ended" } | GrpcFailure

/** Longest message of an answer: the most entries of a slice, each as long as can be, with its key and head. */
export const MAX_GRPC_MESSAGE_BYTES: number = 256 * (65_536 + 512)

/** A server that does not even answer a ping is gone, though its connection may look alive: a stopped process, a cut line. etcd allows one each 5 s. */
const PINGS = { pingIntervalMs: 10_000, pingTimeoutMs: 5_000 }
/** Longer than a node that follows a log is silent. */
const IDLE_MS = 60_000
/** Megabytes that Node may hold for one connection. */
const MAX_SESSION_MEGABYTES = 64

const ENDED_BEFORE: GrpcFailure = { kind: "lost", message: "it was ended before it began", left: false }

/** gRPC with one server: calls over one HTTP/2 connection, opened when it is needed and again after it was lost, and each stream over one of its own. */
export class GrpcConnection implements Disposable {
  readonly #baseUrl: string
  readonly #options: SecureClientSessionOptions
  readonly #streams = new Set<Http2SessionManager>()
  #sessions: Http2SessionManager
  #heard = 0
  #isDisposed = false

  /** @param place HOST:PORT */
  constructor(place: string, tls: GrpcTls | undefined) {
    this.#baseUrl = `${tls === undefined ? "http" : "https"}://${place}`
    const own = tls?.own === undefined ? {} : { cert: Buffer.from(tls.own.certificate), key: Buffer.from(tls.own.key) }
    this.#options = {
      maxSessionMemory: MAX_SESSION_MEGABYTES,
      settings: { initialWindowSize: WINDOW_BYTES, enablePush: false },
      ...(tls === undefined ? {} : { ca: Buffer.from(tls.ca), ...own }),
    }
    this.#sessions = this.#newSessions()
  }

  /** One request, one answer, within `timeoutMs`, which is at least 1. Never throws. */
  async unary<I extends DescMessage, O extends DescMessage>(
    { headers, message, method, signal }: GrpcCall<DescMethodUnary<I, O>, I>,
    timeoutMs: number,
  ): Promise<GrpcOutcome<MessageShape<O>>> {
    // The library would connect first and look at the signal then.
    if (this.#isDisposed || signal.aborted) return ENDED_BEFORE
    const sessions = this.#sessions
    const before = this.#heard
    const trace = new CallTrace(sessions, () => this.#heard++)
    try {
      const response = await this.#transport(trace).unary(method, signal, timeoutMs, headers, message)
      return { kind: "answered", answer: response.message }
    } catch (thrown) {
      const error = ConnectError.from(thrown)
      const isLate = !error.isWireError && error.code === Code.DeadlineExceeded
      // Silent all the time: the next call had better try a fresh connection.
      if (isLate && this.#heard === before && this.#sessions === sessions) this.#renew()
      return isLate ? { kind: "lost", message: `no answer within ${timeoutMs} ms`, left: trace.left } : failureOf(error, trace.left)
    }
  }

  /** One request, many answers, until the signal or the server ends it. Never throws; `onAnswer` must not either. */
  async stream<I extends DescMessage, O extends DescMessage>(
    { headers, message, method, signal }: GrpcCall<DescMethodStreaming<I, O>, I>,
    onAnswer: (answer: MessageShape<O>) => void,
  ): Promise<GrpcEnd> {
    if (this.#isDisposed || signal.aborted) return ENDED_BEFORE
    const sessions = new Http2SessionManager(this.#baseUrl, PINGS, this.#options)
    this.#streams.add(sessions)
    const trace = new CallTrace(sessions, () => undefined)
    const over = new AbortController()
    const until = AbortSignal.any([signal, over.signal])
    try {
      const response = await this.#transport(trace).stream(method, until, undefined, headers, sayOnce(message, until))
      for await (const answer of response.message) onAnswer(answer)
      return { kind: "ended" }
    } catch (thrown) {
      return failureOf(ConnectError.from(thrown), trace.left)
    } finally {
      over.abort()
      giveUp(sessions)
      this.#streams.delete(sessions)
    }
  }

  /** Calls under way are lost, and so is every later one. */
  [Symbol.dispose](): void {
    this.#isDisposed = true
    for (const sessions of [this.#sessions, ...this.#streams]) giveUp(sessions)
  }

  #renew(): void {
    giveUp(this.#sessions)
    this.#sessions = this.#newSessions()
  }

  /** Without pings, for calls have deadlines: a manager that is aborted while it verifies a connection by one opens another. */
  #newSessions(): Http2SessionManager {
    return new Http2SessionManager(this.#baseUrl, { idleConnectionTimeoutMs: IDLE_MS }, this.#options)
  }

  /** For one call, so that it is known what became of this one. */
  #transport(trace: CallTrace): Transport {
    return createGrpcTransport({
      baseUrl: this.#baseUrl,
      sessionManager: trace,
      acceptCompression: [],
      readMaxBytes: MAX_GRPC_MESSAGE_BYTES,
    })
  }
}

/** One request after which the client stays there: who said that it is done would be taken to want no answers. */
async function* sayOnce<T>(message: T, until: AbortSignal): AsyncGenerator<T> {
  yield message
  if (until.aborted) return
  await new Promise((resolve) => until.addEventListener("abort", resolve, { once: true }))
}

/** Ends what a manager has. It is not to be used again: it would take the end of this connection for that of the next. */
function giveUp(sessions: Http2SessionManager): void {
  sessions.abort(new ConnectError("the connection was given up", Code.Unavailable))
}

function failureOf(error: ConnectError, left: boolean): GrpcFailure {
  return error.isWireError
    ? { kind: "refused", status: error.code, message: printable(error.rawMessage, 300) }
    : { kind: "lost", message: reasonOf(error), left }
}

/** Codes and texts of Node's errors, in one line. */
function reasonOf(error: ConnectError): string {
  const { cause } = error
  if (!(cause instanceof Error)) return printable(error.rawMessage, 200)
  const code = "code" in cause && typeof cause.code === "string" ? cause.code : undefined
  const text = printable(cause.message, 200)
  return code === undefined || text.includes(code) ? text : `${code}: ${text}`
}

function printable(text: string, maxCharacters: number): string {
  return text.slice(0, maxCharacters).replaceAll(/[^\x20-\x7e]/g, "?")
}
