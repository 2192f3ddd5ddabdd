import { formatEndpoint, type EtcdEndpoint } from "./address.ts"
import type { GrpcTls } from "./grpc-connection.ts"
import { GrpcConnection, type GrpcOutcome } from "./grpc-connection.ts"
import type { EtcdLogin } from "./login.ts"

/** How a call at one member came out. `denied`: the user may not come in, at any member. */
export type MemberOutcome = GrpcOutcome | { readonly kind: "denied"; readonly message: string }

export interface MemberCall {
  /** Service and method, such as `KV/Range`. */
  readonly method: string
  readonly message: Uint8Array
  readonly signal: AbortSignal
}

type StreamEnd = Exclude<MemberOutcome, { readonly kind: "answered" }> | { readonly kind: "ended" }

/** INVALID_ARGUMENT is also what etcd says of a token that is older than a change of its users. */
const TOKEN_REFUSALS: ReadonlyMap<number, RegExp> = new Map([
  [16, /./],
  [3, /auth store is old|user name is empty/],
])

/** One member of etcd, called as the user of the login, if there is one. */
export class EtcdMember implements Disposable {
  /** HOST:PORT */
  readonly name: string
  readonly #connection: GrpcConnection
  readonly #login: EtcdLogin | undefined

  constructor(endpoint: EtcdEndpoint, tls: GrpcTls | undefined, login: EtcdLogin | undefined) {
    this.name = formatEndpoint(endpoint)
    this.#connection = new GrpcConnection(this.name, tls)
    this.#login = login
  }

  /** Calls within `timeoutMs` for each of: the login, the call, and both again when the token was not good any more. */
  async call(call: MemberCall, timeoutMs: number): Promise<MemberOutcome> {
    const outcome = await this.#callOnce(call, timeoutMs)
    return this.#login !== undefined && isTokenRefusal(outcome) ? await this.#callOnce(call, timeoutMs) : outcome
  }

  /** Opens a stream of answers, see {@link GrpcConnection.stream}; it ends when there is no leader of the member's part of the cluster. */
  async stream(call: MemberCall, timeoutMs: number, onMessage: (message: Uint8Array) => void): Promise<StreamEnd> {
    const headers = await this.#headers(call.signal, timeoutMs)
    if ("kind" in headers) return headers
    const { message, method, signal } = call
    const end = await this.#connection.stream(
      { path: pathOf(method), message, headers: { ...headers.known, hasleader: "true" }, signal },
      onMessage,
    )
    this.#judge(end, headers.known)
    return end
  }

  [Symbol.dispose](): void {
    this.#connection[Symbol.dispose]()
  }

  async #callOnce({ message, method, signal }: MemberCall, timeoutMs: number): Promise<MemberOutcome> {
    const headers = await this.#headers(signal, timeoutMs)
    if ("kind" in headers) return headers
    const outcome = await this.#connection.unary({ path: pathOf(method), message, headers: headers.known, signal }, timeoutMs)
    this.#judge(outcome, headers.known)
    return outcome
  }

  async #headers(
    signal: AbortSignal,
    timeoutMs: number,
  ): Promise<{ readonly known: Readonly<Record<string, string>> } | Exclude<MemberOutcome, { readonly kind: "answered" }>> {
    if (this.#login === undefined) return { known: {} }
    const login = await this.#login.token(this.#connection, signal, timeoutMs)
    if (login.kind === "token") return { known: { token: login.token } }
    // What was asked itself was not sent.
    return login.kind === "lost" ? { ...login, left: false } : login
  }

  #judge(outcome: StreamEnd | MemberOutcome, { token }: Readonly<Record<string, string>>): void {
    if (token !== undefined && isTokenRefusal(outcome)) this.#login?.forget(token)
  }
}

function pathOf(method: string): string {
  return `/etcdserverpb.${method}`
}

function isTokenRefusal(outcome: StreamEnd | MemberOutcome): boolean {
  return outcome.kind === "refused" && TOKEN_REFUSALS.get(outcome.status)?.test(outcome.message) === true
}
