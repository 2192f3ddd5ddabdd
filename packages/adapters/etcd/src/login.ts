import { Code } from "@connectrpc/connect"
import type { EtcdAccess } from "./access.ts"
import { Auth } from "./etcd_pb.ts"
import type { GrpcConnection, GrpcFailure } from "./grpc-connection.ts"

/** `denied`: etcd, or the password's file, says no; else what became of the call. */
export type LoginOutcome =
  | { readonly kind: "token"; readonly token: string }
  | { readonly kind: "denied"; readonly message: string }
  | GrpcFailure

/** A login that was refused is not tried again at once: it costs etcd a password hash each time. */
const DENIED_PAUSE_MS = 5_000

/** The session of a user with all members of one etcd: tokens are the same for each. */
export class EtcdLogin {
  readonly #user: NonNullable<EtcdAccess["user"]>
  #token: string | undefined
  #denied: { readonly message: string; readonly until: number } | undefined

  constructor(user: NonNullable<EtcdAccess["user"]>) {
    this.#user = user
  }

  /** The token to call with; logs in at this member if there is none. */
  async token(connection: GrpcConnection, signal: AbortSignal, timeoutMs: number): Promise<LoginOutcome> {
    if (this.#token !== undefined) return { kind: "token", token: this.#token }
    if (this.#denied !== undefined && performance.now() < this.#denied.until) return { kind: "denied", message: this.#denied.message }
    const password = this.#user.readPassword()
    if (!password.ok) return { kind: "denied", message: password.message }
    using secret = password.value
    // A copy, because it is read when there is a connection.
    const message = { name: this.#user.name, password: secret.expose((bytes) => bytes.slice()) }
    const outcome = await connection.unary({ method: Auth.method.authenticate, message, headers: {}, signal }, timeoutMs)
    message.password.fill(0)
    if (outcome.kind === "lost" || (outcome.kind === "refused" && !isDenial(outcome.status))) return outcome
    const token = outcome.kind === "answered" ? tokenIn(outcome.answer.token) : undefined
    this.#token = token
    if (token !== undefined) return { kind: "token", token }
    const why = outcome.kind === "refused" ? `${Code[outcome.status]}: ${outcome.message}` : "its answer has no token"
    return this.#deny(`etcd does not let the user ${this.#user.name} in (${why}); check etcd.user and etcd.passwordFile in config.json`)
  }

  /** A member does not know this token any more. */
  forget(token: string): void {
    if (this.#token === token) this.#token = undefined
  }

  #deny(message: string): LoginOutcome {
    this.#denied = { message, until: performance.now() + DENIED_PAUSE_MS }
    return { kind: "denied", message }
  }
}

/** The name or the password is wrong, or etcd has no users. */
function isDenial(status: Code): boolean {
  return [Code.InvalidArgument, Code.PermissionDenied, Code.FailedPrecondition, Code.Unauthenticated].includes(status)
}

/** A token goes into a header as it is. */
function tokenIn(text: string): string | undefined {
  return /^[\x21-\x7e]{1,4096}$/.test(text) ? text : undefined
}
