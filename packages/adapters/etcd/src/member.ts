import type { DescMessage, DescMethodStreaming, DescMethodUnary, MessageShape } from "@bufbuild/protobuf"
import { Code } from "@connectrpc/connect"
import { formatEndpoint, type EtcdEndpoint } from "./address.ts"
import { GrpcConnection, type GrpcCall, type GrpcEnd, type GrpcFailure, type GrpcOutcome, type GrpcTls } from "./grpc-connection.ts"
import type { EtcdLogin } from "./login.ts"

type Denial = { readonly kind: "denied"; readonly message: string }

/** How a call at one member failed. `denied`: the user may not come in, at any member. */
export type MemberFailure = GrpcFailure | Denial

/** How a call at one member came out. */
export type MemberOutcome<T> = GrpcOutcome<T> | Denial

/** A call as the user of the member's login. */
export type MemberCall<M, I extends DescMessage> = Omit<GrpcCall<M, I>, "headers">

/** InvalidArgument is also what etcd says of a token that is older than a change of its users. */
const TOKEN_REFUSALS: ReadonlyMap<Code, RegExp> = new Map([
  [Code.Unauthenticated, /./],
  [Code.InvalidArgument, /auth store is old|user name is empty/],
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
  async call<I extends DescMessage, O extends DescMessage>(
    call: MemberCall<DescMethodUnary<I, O>, I>,
    timeoutMs: number,
  ): Promise<MemberOutcome<MessageShape<O>>> {
    const outcome = await this.#callOnce(call, timeoutMs)
    return this.#login !== undefined && isTokenRefusal(outcome) ? await this.#callOnce(call, timeoutMs) : outcome
  }

  /** Opens a stream of answers, see {@link GrpcConnection.stream}; it ends when there is no leader of the member's part of the cluster. */
  async stream<I extends DescMessage, O extends DescMessage>(
    call: MemberCall<DescMethodStreaming<I, O>, I>,
    timeoutMs: number,
    onAnswer: (answer: MessageShape<O>) => void,
  ): Promise<GrpcEnd | Denial> {
    const headers = await this.#headers(call.signal, timeoutMs)
    if ("kind" in headers) return headers
    const end = await this.#connection.stream({ ...call, headers: { ...headers.known, hasleader: "true" } }, onAnswer)
    this.#judge(end, headers.known)
    return end
  }

  [Symbol.dispose](): void {
    this.#connection[Symbol.dispose]()
  }

  async #callOnce<I extends DescMessage, O extends DescMessage>(
    call: MemberCall<DescMethodUnary<I, O>, I>,
    timeoutMs: number,
  ): Promise<MemberOutcome<MessageShape<O>>> {
    const headers = await this.#headers(call.signal, timeoutMs)
    if ("kind" in headers) return headers
    const outcome = await this.#connection.unary({ ...call, headers: headers.known }, timeoutMs)
    this.#judge(outcome, headers.known)
    return outcome
  }

  async #headers(signal: AbortSignal, timeoutMs: number): Promise<{ readonly known: Readonly<Record<string, string>> } | MemberFailure> {
    if (this.#login === undefined) return { known: {} }
    const login = await this.#login.token(this.#connection, signal, timeoutMs)
    if (login.kind === "token") return { known: { token: login.token } }
    // What was asked itself was not sent.
    return login.kind === "lost" ? { ...login, left: false } : login
  }

  #judge(outcome: GrpcEnd | MemberOutcome<unknown>, { token }: Readonly<Record<string, string>>): void {
    if (token !== undefined && isTokenRefusal(outcome)) this.#login?.forget(token)
  }
}

function isTokenRefusal(outcome: GrpcEnd | MemberOutcome<unknown>): boolean {
  return outcome.kind === "refused" && TOKEN_REFUSALS.get(outcome.status)?.test(outcome.message) === true
}
