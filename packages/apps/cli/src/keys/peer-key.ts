import { createPublicKey, type JsonWebKey, type KeyObject } from "node:crypto"
import { CommandError } from "../errors.ts"

/** The key that a peer's key is for, and where the peer's was read, for messages. */
export interface PeerUse {
  readonly id: string
  readonly type: string
  readonly name: string
}

/** What the standards call the curves: RFC 8037, RFC 7518 §6.2, RFC 8812. */
const curves = new Map([
  ["x25519", { name: "X25519", bytes: 32 }],
  ["p256", { name: "P-256", bytes: 33 }],
  ["secp256k1", { name: "secp256k1", bytes: 33 }],
])

/**
 * The public key of a peer in any form that `key public` prints: PEM, JWK, hex, base64 or raw bytes.
 * @throws CommandError `KEY_PEER_INVALID`, `KEY_OPERATION_UNSUPPORTED`
 */
export function parsePeerKey(bytes: Uint8Array, use: PeerUse): Uint8Array {
  const curve = curves.get(use.type)
  if (curve === undefined) throw new CommandError("KEY_OPERATION_UNSUPPORTED", `a key of type ${use.type} cannot agree`)
  if (bytes.length === curve.bytes) return bytes
  const text = Buffer.from(bytes).toString("latin1").trim()
  const digits = encoded(text, "hex") ?? encoded(text, "base64")
  if (digits?.length === curve.bytes) return digits
  const key = parsed(text)?.export({ format: "jwk" })
  if (key?.crv === undefined)
    throw invalid(`${use.name} is no public key; expected PEM, JWK, hex, base64 or ${curve.bytes} bytes, as \`keygrove key public\` prints`)
  if (key.crv !== curve.name)
    throw invalid(`${use.name} is a key on ${key.crv}, and ${use.id} on ${curve.name}; the two cannot agree on anything`)
  return compressed(key)
}

function encoded(text: string, encoding: "hex" | "base64"): Uint8Array | undefined {
  const bytes = Buffer.from(text, encoding)
  return text !== "" && bytes.toString(encoding) === (encoding === "hex" ? text.toLowerCase() : text) ? bytes : undefined
}

/** Only public keys: from a private one the platform would make the public part and say nothing. */
function parsed(text: string): KeyObject | undefined {
  try {
    if (text.startsWith("-----BEGIN PUBLIC KEY-----")) return createPublicKey(text)
    const key: unknown = JSON.parse(text)
    return isPublicJwk(key) ? createPublicKey({ key, format: "jwk" }) : undefined
  } catch {
    // Neither JSON nor a key that the platform takes: the caller says so.
    return undefined
  }
}

function isPublicJwk(value: unknown): value is JsonWebKey {
  return typeof value === "object" && value !== null && "kty" in value && !("d" in value)
}

function compressed({ x = "", y }: JsonWebKey): Uint8Array {
  const first = Buffer.from(x, "base64url")
  if (y === undefined) return first
  return Buffer.concat([Buffer.of(2 + ((Buffer.from(y, "base64url").at(-1) ?? 0) & 1)), first])
}

function invalid(message: string): CommandError {
  return new CommandError("KEY_PEER_INVALID", message)
}
