import { Secret, type RandomBytes } from "@keygrove/base"
import { deriveKey, type Primitives } from "@keygrove/crypto"
import sodium from "sodium-native"

/** How a keystore's key-encryption key is made: from a passphrase by Argon2id (RFC 9106), or from a key file by HKDF. */
export type KeyDerivation =
  | { readonly method: "argon2id"; readonly salt: Uint8Array; readonly passes: number; readonly memoryKib: number }
  | { readonly method: "key-file"; readonly salt: Uint8Array }

/** What unlocks: bytes of a passphrase or of a key file. The secret belongs to the caller. */
export interface UnlockSecret {
  readonly method: KeyDerivation["method"]
  readonly secret: Secret
}

/** Bytes of a key file. */
export const KEY_FILE_BYTES = 32
const KEY_BYTES = 32
const SALT_BYTES = 16
/** RFC 9106 §4, second recommendation, with one lane because libsodium has no more: 3 passes over 64 MiB. */
const PASSES = 3
const MEMORY_KIB = 65_536
/** Limits for stored parameters: a changed file must not make the node allocate all memory. */
const MAX_PASSES = 64
const MAX_MEMORY_KIB = 2_097_152

/** Fresh parameters for a new keystore. */
export function newKeyDerivation(method: KeyDerivation["method"], random: RandomBytes): KeyDerivation {
  const salt = random(SALT_BYTES)
  return method === "argon2id" ? { method, salt, passes: PASSES, memoryKib: MEMORY_KIB } : { method, salt }
}

/** Whether stored parameters are within limits. */
export function isAcceptable(derivation: KeyDerivation): boolean {
  if (derivation.salt.length !== SALT_BYTES) return false
  if (derivation.method === "key-file") return true
  const { passes, memoryKib } = derivation
  return passes >= 1 && passes <= MAX_PASSES && memoryKib >= 8 && memoryKib <= MAX_MEMORY_KIB
}

/** The key-encryption key; belongs to the caller. Takes a noticeable time for a passphrase, on purpose. */
export function deriveKeyEncryptionKey(primitives: Primitives, derivation: KeyDerivation, unlock: Secret): Secret {
  if (derivation.method === "key-file") return deriveKey(primitives, unlock, ["keygrove/v1/keystore-key-file", derivation.salt], KEY_BYTES)
  const { salt, passes, memoryKib } = derivation
  return unlock.expose((password) =>
    Secret.fill(KEY_BYTES, (target) => {
      sodium.crypto_pwhash(viewOf(target), viewOf(password), viewOf(salt), passes, memoryKib * 1024, sodium.crypto_pwhash_ALG_ARGON2ID13)
    }),
  )
}

/** The binding asks for Buffers; a view shares the secret's own memory. */
function viewOf(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length)
}
