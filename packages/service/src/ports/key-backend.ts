import type { Result, Secret } from "@keygrove/base"
import type { KeyBackendName, KeyId, KeyType, SignatureAlgorithm } from "@keygrove/keys"
import type { CallOptions } from "./call-options.ts"

/** One version of a key, as its record describes it to the backend that holds it. */
export interface HeldKey {
  readonly id: KeyId
  readonly type: KeyType
  readonly version: number
  /** Empty for symmetric keys. */
  readonly publicKey: Uint8Array
  /** What the backend gave to be kept beside the record when it made the version. */
  readonly handle: Uint8Array
}

/** A version to be made. */
export interface NewKey {
  readonly id: KeyId
  readonly type: KeyType
  readonly version: number
  /** The secret it must have, borrowed; without one the backend makes its own. */
  readonly secret?: Secret
}

/** What a backend tells about a version that it has made. */
export interface MadeKey {
  readonly publicKey: Uint8Array
  /** At most 1 KiB, to be kept beside the record and given back with every use; nothing in it is secret without the backend. */
  readonly handle: Uint8Array
}

/** What is to be encrypted or decrypted; `associatedData` is bound to it. */
export interface CipherOrder {
  readonly bytes: Uint8Array
  readonly associatedData: Uint8Array
}

/** Codes of what a backend cannot do, or cannot do now. */
export type KeyBackendRefusal =
  | "KEY_BACKEND_UNSUPPORTED"
  | "KEY_CIPHERTEXT_INVALID"
  | "KEY_PEER_INVALID"
  | "KEY_RECORD_INVALID"
  | "KEYSTORE_BUSY"
  | "PKCS11_UNAVAILABLE"
  | "PKCS11_TOKEN_ABSENT"
  | "PKCS11_PIN_REFUSED"
  | "PKCS11_KEY_MISSING"
  | "PKCS11_FAILED"

type Answer<T> = Promise<Result<T, KeyBackendRefusal>>

/** What an implementation does beyond using keys; the vault asks before it begins what would fail later. */
export interface KeyBackendTraits {
  readonly name: KeyBackendName
  /** Whether it takes secrets that were made elsewhere: derived, imported, read from files and variables. */
  readonly takesSecrets: boolean
  /** Whether it keeps secrets in a place of its own, so that a crash can leave one there that no record names. */
  readonly isOutside: boolean
  /** Whether its keys, with their records, are there only while the process lives, as the settings say. */
  readonly isTransient: boolean
}

/**
 * Holds the secrets of named keys and uses them; which key may be used, by whom and how often was decided before. Calls run at the same time, in any
 * number and order, and none waits for one about another key longer than the backend itself must.
 */
export interface KeyBackend {
  readonly traits: KeyBackendTraits
  /**
   * Makes the secret of a version, or takes the given one. An outside backend that is asked again for a version that it has, as after a crash, gives that
   * one: a secret that somebody may have used is never replaced.
   */
  create(key: NewKey, call: CallOptions): Answer<MadeKey>
  /** Whether a version could be used now, without using it: its secret is there and its own. */
  check(key: HeldKey, call: CallOptions): Answer<true>
  /** Signs with one of the type's algorithms. */
  sign(key: HeldKey, order: { readonly message: Uint8Array; readonly algorithm: SignatureAlgorithm }, call: CallOptions): Answer<Uint8Array>
  /** Diffie-Hellman with the peer's public key: 32 bytes, the caller's. */
  agree(key: HeldKey, peer: Uint8Array, call: CallOptions): Answer<Secret>
  /** Encrypts under a symmetric key, with a nonce of the backend's own. Only this backend decrypts the result. */
  encrypt(key: HeldKey, order: CipherOrder, call: CallOptions): Answer<Uint8Array>
  /** Inverse of {@link KeyBackend.encrypt}; refuses whatever was changed. */
  decrypt(key: HeldKey, order: CipherOrder, call: CallOptions): Answer<Uint8Array>
  /** HMAC-SHA-256 under a symmetric key, 32 bytes. */
  mac(key: HeldKey, message: Uint8Array, call: CallOptions): Answer<Uint8Array>
  /**
   * Lends the secret to a function that runs at once and keeps nothing of it, and wipes it. Only backends whose secrets this process can see have it; what needs the secret itself
   * (deriving, exporting) is for their keys only.
   */
  withSecret?<T>(key: HeldKey, use: (secret: Secret) => T): Result<T, "KEY_RECORD_INVALID">
  /** Makes sure that the secret of a version is nowhere any more; fine when it never was. */
  destroy(key: Pick<HeldKey, "id" | "version">, call: CallOptions): Answer<true>
}
