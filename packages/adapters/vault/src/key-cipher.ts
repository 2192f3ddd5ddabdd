import { concatBytes, ok, refuse, type RandomBytes, type Refusal, type Result, type Secret } from "@keygrove/base"
import { AEAD_TAG_BYTES, deriveKey, encodeInfo, type Primitives } from "@keygrove/crypto"
import type { KeyEntry, KeyVersion } from "@keygrove/keys"
import type { Sealing } from "@keygrove/service"

/** What encryption under named keys needs of its platform. */
export interface CipherTools {
  readonly primitives: Primitives
  readonly sealing: Sealing
  readonly random: RandomBytes
}

/** What is bound into a ciphertext besides the key: the caller's own words, at most 4 KiB. */
export interface CipherScope {
  readonly entry: KeyEntry
  readonly version: KeyVersion
  readonly context: Uint8Array | undefined
}

const FORMAT = 1
const SALT_BYTES = 32
/** Format, version of the key as u32 big-endian. */
const HEAD_BYTES = 5
const NONCE = new Uint8Array(12)
/** What a ciphertext has around its plaintext: head, salt or HPKE encapsulation, and tag. */
export const CIPHERTEXT_OVERHEAD_BYTES: number = HEAD_BYTES + SALT_BYTES + AEAD_TAG_BYTES

/** Which version of its key a ciphertext names; the key's own check comes with decryption. */
export function versionOfCiphertext(ciphertext: Uint8Array): Result<number, "KEY_CIPHERTEXT_INVALID"> {
  if (ciphertext.length < HEAD_BYTES || ciphertext[0] !== FORMAT) return invalid("it is not of a format this version knows")
  return ok(new DataView(ciphertext.buffer, ciphertext.byteOffset).getUint32(1))
}

/**
 * Encrypts under an aes256 key: 1 ‖ version (u32) ‖ salt (32) ‖ AES-256-GCM ciphertext ‖ tag. Each message has a key of its own, HKDF of the key and the random
 * salt, so that no nonce is ever used twice however many messages there are (callers choose none: Vault CVE-2023-4680).
 */
export function encryptSymmetric(tools: CipherTools, secret: Secret, scope: CipherScope, plaintext: Uint8Array): Uint8Array {
  const salt = tools.random(SALT_BYTES)
  using key = messageKey(tools, secret, salt)
  return concatBytes(headOf(scope), salt, tools.primitives.aead("aes-256-gcm").seal(key, NONCE, plaintext, bound(scope)))
}

/** Inverse of {@link encryptSymmetric}. */
export function decryptSymmetric(
  tools: CipherTools,
  secret: Secret,
  scope: CipherScope,
  ciphertext: Uint8Array,
): Result<Uint8Array, "KEY_CIPHERTEXT_INVALID"> {
  const start = HEAD_BYTES + SALT_BYTES
  if (ciphertext.length < start + AEAD_TAG_BYTES) return invalid("it is cut off")
  using key = messageKey(tools, secret, ciphertext.subarray(HEAD_BYTES, start))
  const opened = tools.primitives.aead("aes-256-gcm").open(key, NONCE, ciphertext.subarray(start), bound(scope))
  return opened.ok ? opened : invalid("it was changed, or encrypted by another key or under another context")
}

/** Encrypts to an x25519 key, which takes its public part only: 1 ‖ version (u32) ‖ HPKE encapsulation (32) ‖ ciphertext ‖ tag. */
export async function encryptToPublic(
  tools: CipherTools,
  scope: CipherScope,
  plaintext: Uint8Array,
): Promise<Result<Uint8Array, "KEY_CIPHERTEXT_INVALID">> {
  const sealed = await tools.sealing.seal(scope.version.publicKey, plaintext, { info: bound(scope) })
  return sealed.ok ? ok(concatBytes(headOf(scope), sealed.value)) : invalid(sealed.message)
}

/** Inverse of {@link encryptToPublic}. */
export async function decryptPublic(
  tools: CipherTools,
  secret: Secret,
  scope: CipherScope,
  ciphertext: Uint8Array,
): Promise<Result<Uint8Array, "KEY_CIPHERTEXT_INVALID">> {
  const opened = await tools.sealing.open(secret, ciphertext.subarray(HEAD_BYTES), { info: bound(scope) })
  if (!opened.ok) return invalid("it was changed, or encrypted to another key or under another context")
  using plaintext = opened.value
  return ok(plaintext.expose((bytes) => Uint8Array.from(bytes)))
}

function messageKey({ primitives }: CipherTools, secret: Secret, salt: Uint8Array): Secret {
  return deriveKey(primitives, secret, ["keygrove/v1/key-message", salt], 32)
}

function headOf({ version }: CipherScope): Uint8Array {
  const head = new Uint8Array(HEAD_BYTES)
  head[0] = FORMAT
  new DataView(head.buffer).setUint32(1, version.version)
  return head
}

function bound({ context, entry, version }: CipherScope): Uint8Array {
  return encodeInfo(["keygrove/v1/key-ciphertext", entry.type, version.publicKey, version.version, context ?? new Uint8Array(0)])
}

function invalid(why: string): Refusal<"KEY_CIPHERTEXT_INVALID"> {
  return refuse("KEY_CIPHERTEXT_INVALID", `the ciphertext cannot be decrypted: ${why}`)
}
