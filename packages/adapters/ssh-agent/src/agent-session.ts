import type { KeyId } from "@keygrove/keys"
import { decodeAgentRequest, type AgentAnswer, type AgentRequest } from "./agent-codec.ts"
import type { Identities, SshAgentKeys } from "./identities.ts"
import { SESSION_BIND, SessionBindings } from "./session-bindings.ts"
import { SshReader } from "./ssh-data.ts"
import { AGENT_CALLER, signatureBlob, type SshIdentity } from "./ssh-keys.ts"

const FAILURE: AgentAnswer = { kind: "failure" }
const QUERY = "query"

/** What answering takes. */
export interface AgentDesk {
  readonly keys: SshAgentKeys
  readonly identities: Identities
  /** Asks a person whether a key may sign; without it, keys that want confirmation are not used. */
  readonly confirm: ((id: KeyId, signal: AbortSignal) => Promise<boolean>) | undefined
  /** Takes one line about each refusal, without contents. */
  readonly log: (line: string) => void
}

/** One client's conversation with the agent. */
export class AgentSession {
  readonly #desk: AgentDesk
  readonly #bindings = new SessionBindings()

  constructor(desk: AgentDesk) {
    this.#desk = desk
  }

  /** Answers one message. Rejects only when `signal` ends it; every refusal is the protocol's failure, its reason goes to the log. */
  async answer(message: Uint8Array, signal: AbortSignal): Promise<AgentAnswer> {
    try {
      return await this.#perform(decodeAgentRequest(message), signal)
    } catch (error) {
      signal.throwIfAborted()
      return this.#refuse(`fault of its own: ${error instanceof Error ? error.message : "unknown"}`)
    }
  }

  async #perform(request: AgentRequest, signal: AbortSignal): Promise<AgentAnswer> {
    switch (request.kind) {
      case "identities": {
        const listed = await this.#desk.identities.list(signal)
        return listed.ok ? { kind: "identities", identities: listed.value } : this.#refuse(`${listed.code}: ${listed.message}`)
      }
      case "sign":
        return await this.#sign(request, signal)
      case "extension":
        return this.#extend(request)
      case "unsupported":
        return this.#refuse(`message ${request.number} is not supported; keys are added and removed with keygrove key`)
      case "malformed":
        return this.#refuse("malformed message")
    }
  }

  #extend({ contents, name }: Extract<AgentRequest, { kind: "extension" }>): AgentAnswer {
    switch (name) {
      case QUERY:
        return contents.isAtEnd ? { kind: "extensions", names: [QUERY, SESSION_BIND] } : { kind: "extension-failure" }
      case SESSION_BIND:
        if (this.#bindings.bind(contents)) return { kind: "success" }
        this.#desk.log("ssh-agent: refused to bind a session: malformed, not signed by its host, or bound already")
        return { kind: "extension-failure" }
      default:
        return FAILURE
    }
  }

  async #sign({ data, hasUnknownFlags, key }: Extract<AgentRequest, { kind: "sign" }>, signal: AbortSignal): Promise<AgentAnswer> {
    if (isRsa(key)) return this.#refuse("an RSA key was asked for, and Keygrove has none; use an ed25519 or p256 key")
    if (hasUnknownFlags) return this.#refuse("a signature with unknown flags was asked for")
    const found = await this.#desk.identities.find(key, signal)
    if (!found.ok) return this.#refuse(`${found.code}: ${found.message}`)
    const identity = found.value
    if (identity === undefined) return this.#refuse("a key was asked for that is not offered")
    if (!this.#bindings.allows(data)) return this.#refuse(`${identity.id} was to log in to another session than the one bound`)
    if (identity.isConfirmed && !(await this.#isAgreed(identity, signal))) return this.#refuse(`${identity.id} was not confirmed`)
    const { id, version } = identity
    const signed = await this.#signature(identity, data, signal)
    if (!signed.ok) return this.#refuse(`${signed.code}: ${signed.message}`)
    if (signed.value.version === version) return { kind: "signature", blob: signatureBlob(identity, signed.value.signature) }
    // Rotated since the client saw it: the signature is good for a public key that was not asked for.
    await this.#desk.identities.list(signal)
    return this.#refuse(`${id} was rotated; its new public key must be used`)
  }

  /** A signature of the keystore, which judges by the rules of now: when they want a person since the key was listed, the person is asked then. */
  async #signature(identity: SshIdentity, message: Uint8Array, signal: AbortSignal): ReturnType<SshAgentKeys["sign"]> {
    const { algorithm, id, isConfirmed } = identity
    const call = { caller: AGENT_CALLER, signal }
    const signed = await this.#desk.keys.sign({ id, message, algorithm, isConfirmed }, call)
    if (signed.ok || signed.code !== "KEY_NOT_CONFIRMED") return signed
    await this.#desk.identities.list(signal)
    return (await this.#isAgreed(identity, signal))
      ? await this.#desk.keys.sign({ id, message, algorithm, isConfirmed: true }, call)
      : signed
  }

  async #isAgreed({ id }: SshIdentity, signal: AbortSignal): Promise<boolean> {
    const agreed = await this.#desk.confirm?.(id, signal)
    signal.throwIfAborted()
    return agreed === true
  }

  #refuse(reason: string): AgentAnswer {
    this.#desk.log(`ssh-agent: refused: ${reason}`)
    return FAILURE
  }
}

const RSA_NAMES: readonly string[] = ["ssh-rsa", "ssh-rsa-cert-v01@openssh.com"]

function isRsa(key: Uint8Array): boolean {
  return RSA_NAMES.includes(new SshReader(key).name() ?? "")
}
