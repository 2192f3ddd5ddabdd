import { concatBytes } from "@keygrove/base"
import { readUint32, SshReader, sshString, uint32 } from "./ssh-data.ts"

/** Longest message of either side without its length, in bytes; that of OpenSSH (AGENT_MAX_LEN). */
export const MAX_AGENT_MESSAGE_BYTES = 262_144
/** Most identities in an answer: more, with the longest ids, would not fit a message. */
export const MAX_AGENT_IDENTITIES = 1_024

const LENGTH_BYTES = 4

/** Message numbers of draft-ietf-sshm-ssh-agent §8.1. */
const MESSAGE = {
  failure: 5,
  success: 6,
  requestIdentities: 11,
  identitiesAnswer: 12,
  signRequest: 13,
  signResponse: 14,
  extension: 27,
  extensionFailure: 28,
  extensionResponse: 29,
} as const

/** Signature flags that ask for a hash with RSA; they mean nothing to other keys. */
const RSA_FLAGS = 0x02 | 0x04

/** What a client asks. Everything that is no question of ours is `unsupported`, everything cut or overlong `malformed`. */
export type AgentRequest =
  | { readonly kind: "identities" }
  | { readonly kind: "sign"; readonly key: Uint8Array; readonly data: Uint8Array; readonly hasUnknownFlags: boolean }
  | { readonly kind: "extension"; readonly name: string; readonly contents: SshReader }
  | { readonly kind: "unsupported"; readonly number: number }
  | { readonly kind: "malformed" }

/** A key as clients see it. */
export interface AgentIdentity {
  /** Public key in the encoding of RFC 4253 §6.6. */
  readonly blob: Uint8Array
  readonly comment: string
}

/** What the agent answers. */
export type AgentAnswer =
  | { readonly kind: "failure" }
  | { readonly kind: "success" }
  | { readonly kind: "identities"; readonly identities: readonly AgentIdentity[] }
  /** `blob` is the signature in the encoding of RFC 4253 §6.6. */
  | { readonly kind: "signature"; readonly blob: Uint8Array }
  | { readonly kind: "extension-failure" }
  /** Names of the extensions, as an answer to the extension `query`. */
  | { readonly kind: "extensions"; readonly names: readonly string[] }

/** Decodes one message without its length (draft-ietf-sshm-ssh-agent §3): never throws. Byte strings are views of the message. */
export function decodeAgentRequest(message: Uint8Array): AgentRequest {
  const reader = new SshReader(message)
  const number = reader.byte()
  switch (number) {
    case undefined:
      return { kind: "malformed" }
    case MESSAGE.requestIdentities:
      return reader.isAtEnd ? { kind: "identities" } : { kind: "malformed" }
    case MESSAGE.signRequest: {
      const [key, data, flags] = [reader.string(), reader.string(), reader.uint32()]
      if (key === undefined || data === undefined || flags === undefined || !reader.isAtEnd) return { kind: "malformed" }
      return { kind: "sign", key, data, hasUnknownFlags: (flags & ~RSA_FLAGS) !== 0 }
    }
    case MESSAGE.extension: {
      const name = reader.name()
      return name === undefined ? { kind: "malformed" } : { kind: "extension", name, contents: reader }
    }
    default:
      return { kind: "unsupported", number }
  }
}

/** Encodes an answer with its length. */
export function encodeAgentAnswer(answer: AgentAnswer): Uint8Array {
  const body = encodeBody(answer)
  if (body.length > MAX_AGENT_MESSAGE_BYTES) throw new RangeError(`answer of ${body.length} bytes; at most ${MAX_AGENT_MESSAGE_BYTES}`)
  return concatBytes(uint32(body.length), body)
}

function encodeBody(answer: AgentAnswer): Uint8Array {
  switch (answer.kind) {
    case "failure":
      return Uint8Array.of(MESSAGE.failure)
    case "success":
      return Uint8Array.of(MESSAGE.success)
    case "extension-failure":
      return Uint8Array.of(MESSAGE.extensionFailure)
    case "signature":
      return concatBytes(Uint8Array.of(MESSAGE.signResponse), sshString(answer.blob))
    case "extensions":
      return concatBytes(Uint8Array.of(MESSAGE.extensionResponse), sshString("query"), ...answer.names.map((name) => sshString(name)))
    case "identities": {
      const identities = answer.identities.slice(0, MAX_AGENT_IDENTITIES)
      const parts = identities.flatMap(({ blob, comment }) => [sshString(blob), sshString(comment)])
      return concatBytes(Uint8Array.of(MESSAGE.identitiesAnswer), uint32(identities.length), ...parts)
    }
  }
}

/**
 * Cuts a stream of bytes into messages, whatever pieces it comes in. Holds one unfinished message at most, and no memory for one before its
 * length is known to be 1 to 262144.
 */
export class AgentMessageReader {
  readonly #length = new Uint8Array(LENGTH_BYTES)
  #body: Uint8Array | undefined
  #filled = 0

  /** Whether a message has begun and not ended. */
  get isWithinMessage(): boolean {
    return this.#filled > 0 || this.#body !== undefined
  }

  /**
   * Takes bytes from `chunk` until one message is whole. `used` says how many; the rest belongs to the next. `message` is the reader's no longer.
   * `"length refused"` when a message says that it is empty or too long: nothing after it can be trusted.
   */
  take(chunk: Uint8Array): { readonly used: number; readonly message: Uint8Array | undefined } | "length refused" {
    let used = 0
    if (this.#body === undefined) {
      used = this.#fill(this.#length, chunk)
      if (this.#filled < LENGTH_BYTES) return { used, message: undefined }
      const length = readUint32(this.#length, 0) ?? 0
      if (length === 0 || length > MAX_AGENT_MESSAGE_BYTES) return "length refused"
      this.#body = new Uint8Array(new ArrayBuffer(length))
      this.#filled = 0
    }
    const body = this.#body
    used += this.#fill(body, chunk.subarray(used))
    if (this.#filled < body.length) return { used, message: undefined }
    this.#body = undefined
    this.#filled = 0
    return { used, message: body }
  }

  #fill(target: Uint8Array, chunk: Uint8Array): number {
    const part = chunk.subarray(0, target.length - this.#filled)
    target.set(part, this.#filled)
    this.#filled += part.length
    return part.length
  }
}
