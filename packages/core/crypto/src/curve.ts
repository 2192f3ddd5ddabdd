import type { Brand, Result, Secret } from "@keygrove/base"

/** A point of secp256k1 other than infinity: 65 bytes, SEC1 uncompressed, checked to be on the curve. Kept uncompressed because decompression costs a square root. */
export type Point = Brand<Uint8Array, "Point">

/** A public scalar in [1, n-1]: 32 bytes, big-endian. Secret scalars are {@link Secret}s of 32 bytes. */
export type Scalar = Brand<Uint8Array, "Scalar">

/** Length of an encoded (compressed SEC1) point in bytes. */
export const POINT_BYTES = 33
/** Length of a scalar in bytes. */
export const SCALAR_BYTES = 32
/** Length of an ECDSA signature in bytes: r ‖ s. */
export const ECDSA_SIGNATURE_BYTES = 64

/**
 * secp256k1 as the rest of Keygrove sees it. Implementations: `curves-native` and `curves-wasm`, held to one contract
 * suite with noble as oracle. Every method that takes a `Secret` runs in time independent of its value, but where its
 * docstring says otherwise; methods with `Public` in their name may take variable time.
 */
export interface Curve {
  readonly implementation: "native" | "wasm"

  /** Parses 33 bytes (02/03 prefix); refuses other lengths, uncompressed form, infinity, off-curve x and non-canonical x. */
  decodePoint(bytes: Uint8Array): Result<Point, "POINT_INVALID">
  /** The 33-byte compressed form. */
  encodePoint(point: Point): Uint8Array
  /** Parses 32 bytes big-endian in [1, n-1]. */
  decodeScalar(bytes: Uint8Array): Result<Scalar, "SCALAR_INVALID">
  /** Whether the secret is a scalar in [1, n-1]. */
  isScalar(secret: Secret): boolean

  /** scalar·G in constant time. */
  basePointTimesSecret(scalar: Secret): Point
  /** scalar·G; variable time allowed, for public scalars only. */
  basePointTimesPublic(scalar: Scalar): Point
  /** scalar·P in constant time. */
  multiplySecret(point: Point, scalar: Secret): Point
  /** scalar·P; variable time, for public scalars only. */
  multiplyPublic(point: Point, scalar: Scalar): Point
  /** Σ scalarᵢ·Pᵢ; variable time; `undefined` when the sum is infinity. */
  combinePublic(points: readonly Point[], scalars: readonly Scalar[]): Point | undefined
  /** P + Q; `undefined` when the sum is infinity. */
  add(a: Point, b: Point): Point | undefined
  /** −P. */
  negate(point: Point): Point

  /** a + b mod n as a new secret; `undefined` when the sum is zero. */
  addSecrets(a: Secret, b: Secret): Secret | undefined
  /** a·b mod n as a new secret. */
  multiplySecrets(a: Secret, b: Secret): Secret
  /** a⁻¹ mod n as a new secret, by exponentiation inside the binding (never through BigInt). */
  invertSecret(a: Secret): Secret

  /** ECDSA over a 32-byte digest with RFC 6979 nonces and `extraEntropy` (32 bytes) mixed in where given; low-S; r ‖ s. */
  signEcdsa(secretKey: Secret, digest: Uint8Array, extraEntropy?: Uint8Array): Uint8Array
  /** Whether r ‖ s is a valid low-S signature over the digest; high-S is refused. */
  verifyEcdsa(publicKey: Point, digest: Uint8Array, signature: Uint8Array): boolean
}
