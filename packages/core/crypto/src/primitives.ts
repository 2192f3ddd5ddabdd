import type { Result, Secret } from "@keygrove/base"
import type { Curve } from "./curve.ts"

/** Cipher suites of files and records, by their name in headers and on the command line. Old ones stay readable for ever. */
export type SuiteName = "aes-256-gcm" | "aes-256-gcm-siv" | "xsalsa20-poly1305" | "xchacha20-poly1305"

/** One authenticated cipher. Keys are 32 bytes, tags 16; callers of layers above never choose nonces. */
export interface Aead {
  readonly suite: SuiteName
  /** 12 for the AES suites, 24 for the Salsa and ChaCha ones. */
  readonly nonceBytes: number
  /** Whether additional data is supported; `xsalsa20-poly1305` (secretbox) has none, so the chunked stream binds its header by key derivation. */
  readonly hasAssociatedData: boolean
  /** Encrypts into ciphertext ‖ tag. */
  seal(key: Secret, nonce: Uint8Array, plaintext: Uint8Array, associatedData?: Uint8Array): Uint8Array
  /** Checks and decrypts ciphertext ‖ tag; nothing of the plaintext is given out before the tag held. */
  open(key: Secret, nonce: Uint8Array, ciphertext: Uint8Array, associatedData?: Uint8Array): Result<Uint8Array, "AEAD_FAILED">
  /** {@link Aead.seal} without associated data into `target` (plaintext + 16 bytes, not overlapping it), so that bulk encryption reuses its buffers. For keys of one stream: the platform may keep a prepared copy until the key is collected. */
  sealInto(key: Secret, nonce: Uint8Array, plaintext: Uint8Array, target: Uint8Array): void
  /** {@link Aead.open} without associated data into `target` (ciphertext − 16 bytes, not overlapping it), which holds zeros after a refusal. */
  openInto(key: Secret, nonce: Uint8Array, ciphertext: Uint8Array, target: Uint8Array): Result<true, "AEAD_FAILED">
}

/** Ed25519 (RFC 8032), strict: verification refuses non-canonical s, A and R, A and R of small order, and uses the cofactorless equation. */
export interface Ed25519 {
  /** 32-byte public key of a 32-byte seed. */
  publicKey(seed: Secret): Uint8Array
  /** 64-byte signature. */
  sign(seed: Secret, message: Uint8Array): Uint8Array
  /** Whether the signature holds. False, never an exception, for malformed keys and signatures. */
  verify(publicKey: Uint8Array, message: Uint8Array, signature: Uint8Array): boolean
}

/** X25519 (RFC 7748), used for HPKE only. */
export interface X25519 {
  /** 32-byte public key of a 32-byte secret. */
  publicKey(secret: Secret): Uint8Array
  /** Shared secret, 32 bytes; refuses an all-zero result. */
  sharedSecret(secret: Secret, publicKey: Uint8Array): Result<Secret, "X25519_SMALL_ORDER">
}

/** Every primitive of one platform: `nativePrimitives` (nodes) or `portablePrimitives` (browsers, platforms without prebuilt bindings). */
export interface Primitives {
  readonly implementation: "native" | "portable"
  readonly curve: Curve
  readonly ed25519: Ed25519
  readonly x25519: X25519
  aead(suite: SuiteName): Aead
  /** SHA-256 of public bytes. */
  sha256(...parts: readonly Uint8Array[]): Uint8Array
  /** HMAC-SHA-256 (RFC 2104) under a key of any length; 32 bytes. */
  hmacSha256(key: Secret, ...parts: readonly Uint8Array[]): Uint8Array
  /** HKDF-SHA-256 (RFC 5869) of a secret, without salt, into a new secret of `length` bytes. */
  hkdf(secret: Secret, info: Uint8Array, length: number): Secret
}
