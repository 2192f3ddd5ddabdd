import type { Result, Secret } from "@keygrove/base"

/** HPKE (RFC 9180) base mode, DHKEM(X25519, HKDF-SHA256), HKDF-SHA256, AES-256-GCM. Asynchronous because the library is. */
export interface Sealing {
  /** Seals to a 32-byte X25519 public key: encapsulated key (32) ‖ ciphertext ‖ tag (16). `info` and `associatedData` are bound. */
  seal(recipientKey: Uint8Array, plaintext: Uint8Array, context: SealingContext): Promise<Result<Uint8Array, "SEAL_RECIPIENT_INVALID">>
  /** Opens what {@link Sealing.seal} made for the public key of `secretKey`. The plaintext is a secret of the caller's. */
  open(secretKey: Secret | SealingKey, sealed: Uint8Array, context: SealingContext): Promise<Result<Secret, "SEAL_OPEN_FAILED">>
  /** A fresh key pair, e.g. for one answer. */
  generateKeyPair(): Promise<{ readonly secretKey: Secret; readonly publicKey: Uint8Array }>
}

/** An X25519 key whose secret is elsewhere, such as in a token. */
export interface SealingKey {
  readonly publicKey: Uint8Array
  /** Diffie-Hellman with a peer's key: 32 bytes, not all zero, the caller's. */
  agree(peer: Uint8Array): Promise<Result<Secret>>
}

export interface SealingContext {
  readonly info: Uint8Array
  readonly associatedData?: Uint8Array
}
