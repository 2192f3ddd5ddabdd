import { equalBytes } from "@keygrove/base"
import { isHostSignature } from "./host-signature.ts"
import { SshReader } from "./ssh-data.ts"

/** Name of the extension (PROTOCOL.agent of OpenSSH, section 1). */
export const SESSION_BIND = "session-bind@openssh.com"

/** Sessions that one connection can be bound to: one for each hop of a forwarded agent. */
const MAX_BINDINGS = 16
const MAX_SESSION_ID_BYTES = 128
const USERAUTH_REQUEST = 50

interface Binding {
  readonly hostKey: Uint8Array
  readonly sessionId: Uint8Array
  readonly isForwarding: boolean
}

/**
 * Which ssh sessions a connection to the agent belongs to. A client says it with `session-bind@openssh.com`, proven by the host's signature over
 * the session id; then the connection can log in to that session only.
 */
export class SessionBindings {
  readonly #bindings: Binding[] = []

  /** Records the binding that an extension message asks for. False, and nothing changes, when it is malformed, not proven or contradicts another. */
  bind(contents: SshReader): boolean {
    const [hostKey, sessionId, signature, isForwarding] = [contents.string(), contents.string(), contents.string(), contents.boolean()]
    if (hostKey === undefined || sessionId === undefined || signature === undefined || isForwarding === undefined) return false
    if (!contents.isAtEnd || sessionId.length === 0 || sessionId.length > MAX_SESSION_ID_BYTES) return false
    // A connection that is for logging in ends there: whoever got hold of it cannot make it serve another session.
    if (this.#loginSession() !== undefined || !isHostSignature(hostKey, sessionId, signature)) return false
    const known = this.#bindings.find((binding) => equalBytes(binding.sessionId, sessionId))
    if (known !== undefined) return equalBytes(known.hostKey, hostKey)
    if (this.#bindings.length >= MAX_BINDINGS) return false
    this.#bindings.push({ hostKey: hostKey.slice(), sessionId: sessionId.slice(), isForwarding })
    return true
  }

  /** Whether data may be signed: a request to log in (RFC 4252 §7) must be one to the session that the connection is bound to for that. */
  allows(data: Uint8Array): boolean {
    const session = this.#loginSession()
    const asked = loginSessionOf(data)
    return session === undefined || asked === undefined || equalBytes(session, asked)
  }

  #loginSession(): Uint8Array | undefined {
    const last = this.#bindings.at(-1)
    return last?.isForwarding === false ? last.sessionId : undefined
  }
}

/** The session id at the beginning of a request to log in; `undefined` for other data. */
function loginSessionOf(data: Uint8Array): Uint8Array | undefined {
  const reader = new SshReader(data)
  const session = reader.string()
  return session !== undefined && reader.byte() === USERAUTH_REQUEST ? session : undefined
}
