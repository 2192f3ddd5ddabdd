import type { Secret } from "@keygrove/base"
import { AEAD_KEY_BYTES, deriveKey, type Primitives } from "@keygrove/crypto"

/**
 * The key of one file, 32 bytes, from the key seed that the capsule yields. The digest binds the whole header, so that a file whose header was
 * changed in any bit opens under no key, in every cipher suite.
 * @param headerDigest SHA-256 of prefix and header, 32 bytes.
 */
export function deriveFileKey(primitives: Pick<Primitives, "hkdf">, keySeed: Secret, headerDigest: Uint8Array): Secret {
  if (headerDigest.length !== 32) throw new RangeError(`header digest must have 32 bytes, got ${headerDigest.length}`)
  return deriveKey(primitives, keySeed, ["keygrove/v1/file-key", headerDigest], AEAD_KEY_BYTES)
}
