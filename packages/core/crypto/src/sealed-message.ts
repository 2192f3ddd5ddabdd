import { decodeCanonical, encodeCanonical, equalBytes, ok, refuse, type CborValue, type Result } from "@keygrove/base"
import { encodeInfo, type KeyInfo } from "./derive.ts"
import type { Ed25519 } from "./primitives.ts"

/** Who sends a sealed message to whom, and as part of what. All of it is bound twice: in the HPKE info and under the signature. */
export interface SealedMessageContext {
  /** What the message is for, e.g. `["keygrove/v1/fragment", policyId]`; both sides build it from what they know, it is never taken from the message. */
  readonly context: KeyInfo
  /** Ed25519 signing key of the sender, 32 bytes. */
  readonly sender: Uint8Array
  /** X25519 sealing key of the recipient, 32 bytes. */
  readonly recipient: Uint8Array
}

/** The longest sealed message that is accepted, in bytes: a policy's fragment needs under 1 KiB, an enrolment answer under 16 KiB. */
export const MAX_SEALED_MESSAGE_BYTES = 65_536

const VERSION = 1
const PUBLIC_KEY_BYTES = 32
const SIGNATURE_BYTES = 64

/** The HPKE `info` under which the body is sealed. Naming the sender in it stops a third party from signing someone else's ciphertext as its own. */
export function sealedMessageInfo({ context, sender, recipient }: SealedMessageContext): Uint8Array {
  return encodeInfo(["keygrove/v1/sealed-body", context, sender, recipient])
}

/** What the sender's Ed25519 key signs: the context, both keys and the HPKE bytes. */
export function sealedMessageSigningInput({ context, sender, recipient }: SealedMessageContext, sealed: Uint8Array): Uint8Array {
  return encodeInfo(["keygrove/v1/sealed", context, sender, recipient, sealed])
}

/** Puts a signed HPKE body on the wire. `signature` is over {@link sealedMessageSigningInput}. */
export function encodeSealedMessage(parties: SealedMessageContext, sealed: Uint8Array, signature: Uint8Array): Uint8Array {
  const { context, sender, recipient } = parties
  return encodeCanonical({ v: VERSION, context, sender, recipient, sealed, sig: signature })
}

/**
 * Parses a sealed message, checks that it is from and to whom and for what the caller expects, and verifies the signature.
 * @returns the HPKE bytes, which only the recipient's secret key opens (with {@link sealedMessageInfo}).
 */
export function decodeSealedMessage(
  ed25519: Pick<Ed25519, "verify">,
  bytes: Uint8Array,
  expected: SealedMessageContext,
): Result<Uint8Array, "SEALED_MESSAGE_INVALID"> {
  const decoded = decodeCanonical(bytes, MAX_SEALED_MESSAGE_BYTES)
  if (!decoded.ok) return invalid(decoded.message)
  const parsed = parse(decoded.value)
  if (parsed === undefined) return invalid("its fields are not those of version 1")
  const { context, sender, recipient, sealed, sig } = parsed
  if (!equalBytes(sender, expected.sender)) return invalid("it names another sender than expected")
  if (!equalBytes(recipient, expected.recipient)) return invalid("it is for another recipient")
  if (!equalBytes(encodeCanonical(context), encodeInfo(expected.context))) return invalid("it belongs to another context")
  if (!ed25519.verify(sender, sealedMessageSigningInput(expected, sealed), sig)) return invalid("its signature does not hold")
  return ok(sealed)
}

/** The recipient that a sealed message names, 32 bytes; `undefined` of bytes that are none. A claim: {@link decodeSealedMessage} judges it. */
export function sealedMessageRecipient(bytes: Uint8Array): Uint8Array | undefined {
  const decoded = decodeCanonical(bytes, MAX_SEALED_MESSAGE_BYTES)
  return decoded.ok ? parse(decoded.value)?.recipient : undefined
}

interface Parsed {
  readonly context: CborValue
  readonly sender: Uint8Array
  readonly recipient: Uint8Array
  readonly sealed: Uint8Array
  readonly sig: Uint8Array
}

function parse(value: CborValue): Parsed | undefined {
  if (typeof value !== "object" || value === null || Array.isArray(value) || value instanceof Uint8Array) return undefined
  const fields = new Map<string, CborValue>(Object.entries(value))
  if (fields.size !== 6 || fields.get("v") !== VERSION) return undefined
  const context = fields.get("context")
  const sender = bytesOf(fields.get("sender"), PUBLIC_KEY_BYTES)
  const recipient = bytesOf(fields.get("recipient"), PUBLIC_KEY_BYTES)
  const sealed = bytesOf(fields.get("sealed"))
  const sig = bytesOf(fields.get("sig"), SIGNATURE_BYTES)
  if (!Array.isArray(context) || sender === undefined || recipient === undefined || sealed === undefined || sig === undefined)
    return undefined
  return { context, sender, recipient, sealed, sig }
}

function bytesOf(value: CborValue | undefined, length?: number): Uint8Array | undefined {
  return value instanceof Uint8Array && (length === undefined || value.length === length) ? value : undefined
}

function invalid(reason: string): Result<never, "SEALED_MESSAGE_INVALID"> {
  return refuse("SEALED_MESSAGE_INVALID", `sealed message is refused: ${reason}; ask the sender to send it again`)
}
