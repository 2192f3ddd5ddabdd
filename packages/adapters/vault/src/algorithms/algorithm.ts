import type { RandomBytes, Result, Secret } from "@keygrove/base"
import type { Primitives } from "@keygrove/crypto"
import type { SignatureAlgorithm } from "@keygrove/keys"

/** What the algorithms need of their platform. */
export interface AlgorithmTools {
  readonly primitives: Primitives
  readonly random: RandomBytes
}

/** Whether a library keeps copies of the secret in objects that wipe them only when they are collected. */
export type Residue = "none" | "until-collected"

/** What one type of key does with its secret. Everything is synchronous and takes microseconds, so that no use of a key stalls another. */
export interface KeyAlgorithm {
  readonly residue: Residue
  /** Whether 32 bytes are a secret of this type. */
  isSecret(secret: Secret): boolean
  /** The public part; empty for symmetric keys. */
  publicKey(secret: Secret): Uint8Array
  /** Signs; only types that have signatures. */
  sign?(secret: Secret, message: Uint8Array, algorithm: SignatureAlgorithm): Uint8Array
  /** Whether a signature holds: false, never an exception, for whatever is no signature. */
  verify?(publicKey: Uint8Array, signed: SignedMessage): boolean
  /** Diffie-Hellman; 32 bytes that belong to the caller. */
  agree?(secret: Secret, peer: Uint8Array): Result<Secret, "KEY_PEER_INVALID">
}

export interface SignedMessage {
  readonly message: Uint8Array
  readonly signature: Uint8Array
  readonly algorithm: SignatureAlgorithm
}
