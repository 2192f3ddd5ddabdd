import { decodeCanonical, equalBytes, utf8 } from "@keygrove/base"
import type { SigningPurpose } from "@keygrove/service"

/** Longest message the node's key signs, in bytes: a ledger entry with its frame. */
export const MAX_SIGNED_BYTES = 131_072

/** What Noise signs: the prefix and the static X25519 key of the connection (libp2p specification, noise §Identity Signature). */
const NOISE_PREFIX = utf8("noise-libp2p-static-key:")
const NOISE_PAYLOAD_BYTES = NOISE_PREFIX.length + 32
/** What signed envelopes begin with: the length of the domain as a varint, and the domain (libp2p RFC 0002). */
const PEER_RECORD_DOMAIN = utf8("libp2p-peer-record")

const MESSAGE_DOMAINS: readonly string[] = [
  "keygrove/v1/request",
  "keygrove/v1/receipt",
  "keygrove/v1/removal",
  "keygrove/v1/key-chain",
  "keygrove/v1/meet",
  "keygrove/v1/meet-confirmation",
  "keygrove/v1/snapshot",
  "keygrove/v1/piece-receipt",
  "keygrove/v1/unlock-approval",
]

/** What a boot key asks with: for pieces, and as a reader for re-encryption. */
const BOOT_DOMAINS: readonly string[] = ["keygrove/v1/unlock-request", "keygrove/v1/request"]

/**
 * Whether a message may be signed for this purpose. The one Ed25519 key serves the handshake, statements and messages; because every message
 * names its domain first, and no other is signed, a signature for one can never pass as another.
 */
export function maySign(purpose: SigningPurpose, message: Uint8Array): boolean {
  if (message.length > MAX_SIGNED_BYTES) return false
  switch (purpose) {
    case "handshake":
      return isNoisePayload(message) || isPeerRecord(message)
    case "statement":
      return domainOf(message) === "keygrove/v1/entry"
    case "message":
      return MESSAGE_DOMAINS.includes(domainOf(message) ?? "")
    default:
      return false
  }
}

/** Whether the boot key may sign a message for this purpose: what opens a line to another node, and what asks it. It speaks for nobody else, and makes no statement. */
export function mayBootSign(purpose: "handshake" | "message", message: Uint8Array): boolean {
  if (purpose === "handshake") return maySign(purpose, message)
  return message.length <= MAX_SIGNED_BYTES && BOOT_DOMAINS.includes(domainOf(message) ?? "")
}

function isNoisePayload(message: Uint8Array): boolean {
  return message.length === NOISE_PAYLOAD_BYTES && equalBytes(message.subarray(0, NOISE_PREFIX.length), NOISE_PREFIX)
}

function isPeerRecord(message: Uint8Array): boolean {
  const end = 1 + PEER_RECORD_DOMAIN.length
  return message[0] === PEER_RECORD_DOMAIN.length && equalBytes(message.subarray(1, end), PEER_RECORD_DOMAIN)
}

/** The first element of a canonical info array. */
function domainOf(message: Uint8Array): string | undefined {
  const decoded = decodeCanonical(message, MAX_SIGNED_BYTES)
  if (!decoded.ok || !Array.isArray(decoded.value)) return undefined
  const first: unknown = decoded.value[0]
  return typeof first === "string" ? first : undefined
}
