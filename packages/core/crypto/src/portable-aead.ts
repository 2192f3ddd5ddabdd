import { gcm, gcmsiv } from "@noble/ciphers/aes.js"
import { xchacha20poly1305 } from "@noble/ciphers/chacha.js"
import { xsalsa20poly1305 } from "@noble/ciphers/salsa.js"
import { createAead } from "./aead.ts"
import type { Aead } from "./primitives.ts"
import { AEAD_TAG_BYTES } from "./suites.ts"

/** AES-256-GCM (NIST SP 800-38D) in JavaScript. */
export const portableAesGcm: Aead = createAead({
  suite: "aes-256-gcm",
  nonceBytes: 12,
  hasAssociatedData: true,
  seal: ({ key, nonce, input, associatedData, target }) => target.set(gcm(key, nonce, associatedData).encrypt(input)),
  open: ({ key, nonce, input, associatedData, target }) => opened(target, () => gcm(key, nonce, associatedData).decrypt(input)),
})

/** AES-256-GCM-SIV (RFC 8452) in JavaScript: the only implementation on every platform, because neither node:crypto nor libsodium offers it. */
export const portableAesGcmSiv: Aead = createAead({
  suite: "aes-256-gcm-siv",
  nonceBytes: 12,
  hasAssociatedData: true,
  seal: ({ key, nonce, input, associatedData, target }) => target.set(gcmsiv(key, nonce, associatedData).encrypt(input)),
  open: ({ key, nonce, input, associatedData, target }) => opened(target, () => gcmsiv(key, nonce, associatedData).decrypt(input)),
})

/** XChaCha20-Poly1305 (draft-irtf-cfrg-xchacha-03) in JavaScript. */
export const portableXChaCha: Aead = createAead({
  suite: "xchacha20-poly1305",
  nonceBytes: 24,
  hasAssociatedData: true,
  seal: ({ key, nonce, input, associatedData, target }) => target.set(xchacha20poly1305(key, nonce, associatedData).encrypt(input)),
  open: ({ key, nonce, input, associatedData, target }) =>
    opened(target, () => xchacha20poly1305(key, nonce, associatedData).decrypt(input)),
})

/** XSalsa20-Poly1305 (NaCl secretbox) in JavaScript, with the tag after the ciphertext as in every suite; NaCl puts it first. */
export const portableXSalsa: Aead = createAead({
  suite: "xsalsa20-poly1305",
  nonceBytes: 24,
  hasAssociatedData: false,
  seal: ({ key, nonce, input, target }) => {
    const box = xsalsa20poly1305(key, nonce).encrypt(input)
    target.set(box.subarray(AEAD_TAG_BYTES))
    target.set(box.subarray(0, AEAD_TAG_BYTES), input.length)
  },
  open: ({ key, nonce, input, target }) => {
    const box = new Uint8Array(input.length)
    box.set(input.subarray(input.length - AEAD_TAG_BYTES))
    box.set(input.subarray(0, input.length - AEAD_TAG_BYTES), AEAD_TAG_BYTES)
    return opened(target, () => xsalsa20poly1305(key, nonce).decrypt(box))
  },
})

function opened(target: Uint8Array, decrypt: () => Uint8Array): boolean {
  try {
    const plaintext = decrypt()
    target.set(plaintext)
    plaintext.fill(0)
    return true
  } catch {
    // The library throws for an invalid tag and nothing else here: lengths were checked before.
    return false
  }
}
