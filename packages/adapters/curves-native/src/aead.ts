import { createCipheriv, createDecipheriv, createSecretKey, type KeyObject } from "node:crypto"
import { AEAD_TAG_BYTES, createAead, type Aead } from "@keygrove/crypto"
import { sodium, view } from "./sodium.ts"

/** AES-256-GCM (NIST SP 800-38D) by OpenSSL. */
export const nativeAesGcm: Aead = createAead({
  suite: "aes-256-gcm",
  nonceBytes: 12,
  hasAssociatedData: true,
  seal: ({ key, nonce, input, associatedData, target, bulk }) => {
    const cipher = createCipheriv("aes-256-gcm", bulk ? preparedKey(key) : key, nonce)
    if (associatedData !== undefined) cipher.setAAD(associatedData)
    moveInto(target, cipher.update(input))
    cipher.final()
    target.set(cipher.getAuthTag(), input.length)
  },
  open: ({ key, nonce, input, associatedData, target, bulk }) => {
    const decipher = createDecipheriv("aes-256-gcm", bulk ? preparedKey(key) : key, nonce, { authTagLength: AEAD_TAG_BYTES })
    if (associatedData !== undefined) decipher.setAAD(associatedData)
    decipher.setAuthTag(input.subarray(target.length))
    moveInto(target, decipher.update(input.subarray(0, target.length)))
    return succeeds(() => decipher.final())
  },
})

/** XChaCha20-Poly1305 (draft-irtf-cfrg-xchacha-03) by libsodium. */
export const nativeXChaCha: Aead = createAead({
  suite: "xchacha20-poly1305",
  nonceBytes: 24,
  hasAssociatedData: true,
  seal: ({ key, nonce, input, associatedData, target }) => {
    const ad = associatedData === undefined ? null : view(associatedData)
    sodium.crypto_aead_xchacha20poly1305_ietf_encrypt(view(target), view(input), ad, null, view(nonce), view(key))
  },
  open: ({ key, nonce, input, associatedData, target }) => {
    const ad = associatedData === undefined ? null : view(associatedData)
    return succeeds(() => sodium.crypto_aead_xchacha20poly1305_ietf_decrypt(view(target), null, view(input), ad, view(nonce), view(key)))
  },
})

/** XSalsa20-Poly1305 (NaCl secretbox) by libsodium, with the tag after the ciphertext as in every suite. */
export const nativeXSalsa: Aead = createAead({
  suite: "xsalsa20-poly1305",
  nonceBytes: 24,
  hasAssociatedData: false,
  seal: ({ key, nonce, input, target }) =>
    sodium.crypto_secretbox_detached(
      view(target.subarray(0, input.length)),
      view(target.subarray(input.length)),
      view(input),
      view(nonce),
      view(key),
    ),
  open: ({ key, nonce, input, target }) =>
    sodium.crypto_secretbox_open_detached(
      view(target),
      view(input.subarray(0, target.length)),
      view(input.subarray(target.length)),
      view(nonce),
      view(key),
    ),
})

const preparedKeys: WeakMap<Uint8Array, KeyObject> = new WeakMap()

/**
 * A key as node:crypto takes it fastest: given bytes, it throws and catches an error inside for each cipher (20 of 52 µs for 64 KiB). The object holds
 * a copy in OpenSSL's memory, cleansed when it is collected; it goes with the secret's bytes, whose array belongs to one secret for ever.
 */
function preparedKey(key: Uint8Array): KeyObject {
  const known = preparedKeys.get(key)
  if (known !== undefined) return known
  const prepared = createSecretKey(key)
  preparedKeys.set(key, prepared)
  return prepared
}

/**
 * Copies a cipher's output to its place and frees it at once instead of at the next collection. The allocator then gives the same warm pages to
 * the next chunk: 30 instead of 50 µs for 64 KiB, and the heap does not grow with the file.
 */
function moveInto(target: Uint8Array, output: Buffer<ArrayBuffer>): void {
  target.set(output)
  if (output.byteLength === output.buffer.byteLength) output.buffer.transfer(0)
}

function succeeds(check: () => unknown): boolean {
  try {
    check()
    return true
  } catch {
    // Both libraries throw a plain Error for an invalid tag; lengths were checked before, so nothing else is expected.
    return false
  }
}
