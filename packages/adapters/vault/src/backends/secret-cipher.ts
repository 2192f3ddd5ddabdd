import { concatBytes, ok, refuse, type RandomBytes, type Result, type Secret } from "@keygrove/base"
import { AEAD_TAG_BYTES, deriveKey, type Primitives } from "@keygrove/crypto"
import type { CipherOrder } from "@keygrove/service"

/** What encryption under a symmetric secret needs of its platform. */
export interface SecretCipherTools {
  readonly primitives: Primitives
  readonly random: RandomBytes
}

/** Before the ciphertext. */
export const SALT_BYTES = 32
const NONCE = new Uint8Array(12)

/**
 * Encrypts into salt (32) ‖ AES-256-GCM ciphertext ‖ tag. Each message has a key of its own, HKDF of the key and the random salt, so that no nonce is ever
 * used twice however many messages there are (callers choose none: Vault CVE-2023-4680).
 */
export function encryptWithSecret(tools: SecretCipherTools, secret: Secret, { associatedData, bytes }: CipherOrder): Uint8Array {
  const salt = tools.random(SALT_BYTES)
  using key = messageKey(tools, secret, salt)
  return concatBytes(salt, tools.primitives.aead("aes-256-gcm").seal(key, NONCE, bytes, associatedData))
}

/** Inverse of {@link encryptWithSecret}. */
export function decryptWithSecret(
  tools: SecretCipherTools,
  secret: Secret,
  { associatedData, bytes }: CipherOrder,
): Result<Uint8Array, "KEY_CIPHERTEXT_INVALID"> {
  if (bytes.length < SALT_BYTES + AEAD_TAG_BYTES)
    return refuse("KEY_CIPHERTEXT_INVALID", "the ciphertext cannot be decrypted: it is cut off")
  using key = messageKey(tools, secret, bytes.subarray(0, SALT_BYTES))
  const opened = tools.primitives.aead("aes-256-gcm").open(key, NONCE, bytes.subarray(SALT_BYTES), associatedData)
  if (opened.ok) return ok(opened.value)
  return refuse(
    "KEY_CIPHERTEXT_INVALID",
    "the ciphertext cannot be decrypted: it was changed, or encrypted by another key or under another context",
  )
}

function messageKey({ primitives }: SecretCipherTools, secret: Secret, salt: Uint8Array): Secret {
  return deriveKey(primitives, secret, ["keygrove/v1/key-message", salt], 32)
}
