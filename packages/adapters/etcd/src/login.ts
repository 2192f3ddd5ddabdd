import type { EtcdAccess } from "./access.ts"
import type { GrpcConnection, GrpcOutcome } from "./grpc-connection.ts"
import { nameOfStatus } from "./grpc-status.ts"
import { decodeToken, encodeAuthentication } from "./messages.ts"

/** `denied`: etcd, or the password's file, says no; else what became of the call. */
export type LoginOutcome =
  | { readonly kind: "token"; readonly token: string }
  | { readonly kind: "denied"; readonly message: string }
  | Exclude<GrpcOutcome, { readonly kind: "answered" }>

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
    const message = secret.expose((bytes) => encodeAuthentication(this.#user.name, bytes))
    const outcome = await connection.unary({ path: "/etcdserverpb.Auth/Authenticate", message, headers: {}, signal }, timeoutMs)
    message.fill(0)
    if (outcome.kind === "lost" || (outcome.kind === "refused" && !isDenial(outcome.status))) return outcome
    const token = outcome.kind === "answered" ? decodeToken(outcome.body) : undefined
    this.#token = token
    if (token !== undefined) return { kind: "token", token }
    const why = outcome.kind === "refused" ? `${nameOfStatus(outcome.status)}: ${outcome.message}` : "its answer has no token"
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

/** INVALID_ARGUMENT (name or password wrong), PERMISSION_DENIED, FAILED_PRECONDITION (etcd has no users), UNAUTHENTICATED. */
function isDenial(status: number): boolean {
  return [3, 7, 9, 16].includes(status)
}
