import { brandShape, bytesShape, checkShape, decodeCanonical, encodeCanonical, ok, refuse, type Result } from "@keygrove/base"
import * as v from "valibot"
import { decodeCheckedText, encodeCheckedText } from "./checked-text.ts"
import { compressedPointShape } from "./epoch-keys.ts"
import { clusterBytes, decodeClusterBytes, type ClusterId } from "./names.ts"

/** What a person hands to another so that labels can be granted to them: `kg1…`. Public. */
export interface Identity {
  /** secp256k1, 33 bytes: fragments are made for it. */
  readonly encryptionKey: Uint8Array
  /** Ed25519, 32 bytes: signs the reader's requests. */
  readonly signingKey: Uint8Array
  readonly cluster: ClusterId
}

const PREFIX = "kg"
const VERSION = 1
/** `kg1`, 8-to-5-bit words of the 105 payload bytes, 6 check characters. */
const IDENTITY_CHARACTERS = 177
const MAX_PAYLOAD_BYTES = 128

const shape = v.strictTuple([v.literal(VERSION), compressedPointShape(), bytesShape(32), brandShape(decodeClusterBytes)])

/** `kg1…`: bech32m (BIP 350, without its 90-character limit) of canonical CBOR [1, encryptionKey, signingKey, cluster]. */
export function encodeIdentity(identity: Identity): string {
  const payload = encodeCanonical([VERSION, identity.encryptionKey, identity.signingKey, clusterBytes(identity.cluster)])
  return encodeCheckedText(PREFIX, payload)
}

/** Strict inverse of {@link encodeIdentity}: mixed case, other prefixes, checksums and lengths are refused. */
export function decodeIdentity(text: string): Result<Identity, "IDENTITY_INVALID"> {
  if (text.length !== IDENTITY_CHARACTERS || !text.startsWith("kg1")) {
    return refuse(
      "IDENTITY_INVALID",
      `an identity is kg1… with ${IDENTITY_CHARACTERS} characters, got ${text.length}; copy it again from keygrove id`,
    )
  }
  const payload = decodeCheckedText(PREFIX, text)
  const decoded = payload === undefined ? undefined : decodeCanonical(payload, MAX_PAYLOAD_BYTES)
  if (decoded === undefined || !decoded.ok)
    return refuse("IDENTITY_INVALID", "the identity has a typing error (checksum); copy it again from keygrove id")
  const checked = checkShape(decoded.value, { shape, code: "IDENTITY_INVALID", noun: "identity" })
  if (!checked.ok) return checked
  const [, encryptionKey, signingKey, cluster] = checked.value
  return ok({ encryptionKey, signingKey, cluster })
}
