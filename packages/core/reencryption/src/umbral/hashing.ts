import { concatBytes, Secret, utf8 } from "@keygrove/base"
import { SCALAR_BYTES, type Primitives, type Scalar } from "@keygrove/crypto"

/** Domain separation tags of spec §2, framed with their length. */
const CAPSULE_POINTS = framed("CAPSULE_POINTS")
const SHARED_SECRET = framed("SHARED_SECRET")
const POLYNOMIAL_ARG = framed("POLYNOMIAL_ARG")
const CFRAG_VERIFICATION = framed("CFRAG_VERIFICATION")

type Hash = Primitives["sha256"]

/** h of a capsule: Hs(CAPSULE_POINTS, E, V), public. Points as 33 bytes. */
export function hashCapsulePoints(sha256: Hash, e: Uint8Array, v: Uint8Array): Scalar {
  return publicScalar(sha256(CAPSULE_POINTS, e, v))
}

/** h of a re-encryption proof: Hs(CFRAG_VERIFICATION, E, E1, E2, V, V1, V2, U, U1, U2), public. */
export function hashReencryption(sha256: Hash, points: readonly Uint8Array[]): Scalar {
  return publicScalar(sha256(CFRAG_VERIFICATION, ...points))
}

/** d = Hs(SHARED_SECRET, X, B, D): secret, because D is. */
export function hashSharedSecret(sha256: Hash, shared: SharedPoints): Secret {
  return secretScalar(sha256(SHARED_SECRET, shared.x, shared.b, shared.d))
}

/** Share index i = Hs(POLYNOMIAL_ARG, X, B, D, id): known to owner and reader only, but no key; computed with in the open (design.md §4). */
export function hashPolynomialArgument(sha256: Hash, shared: SharedPoints, id: Uint8Array): Scalar {
  return publicScalar(sha256(POLYNOMIAL_ARG, shared.x, shared.b, shared.d, id))
}

/** Hs(dst, material) for a domain tag made of public bytes and secret material, as key derivation by label needs it (spec §6). */
export function hashToSecretScalar(sha256: Hash, dst: Uint8Array, material: Secret): Secret {
  const length = Uint8Array.of(dst.length >>> 24, (dst.length >>> 16) & 0xff, (dst.length >>> 8) & 0xff, dst.length & 0xff)
  return secretScalar(material.expose((bytes) => sha256(length, dst, bytes)))
}

/** The points that owner and reader share, 33 bytes each: X, B and D = x·B = b·X. */
export interface SharedPoints {
  readonly x: Uint8Array
  readonly b: Uint8Array
  readonly d: Uint8Array
}

/** Hs as a scalar for a secret digest, which is wiped. */
function secretScalar(digest: Uint8Array): Secret {
  reduceToScalar(digest)
  return Secret.take(digest)
}

function publicScalar(digest: Uint8Array): Scalar {
  reduceToScalar(digest)
  return digest as Scalar
}

/** n − 1, big-endian. */
const ORDER_LESS_ONE = Uint8Array.from({ length: SCALAR_BYTES }, (_, index) =>
  Number.parseInt("fffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364140".slice(2 * index, 2 * index + 2), 16),
)

/**
 * (digest mod (n − 1)) + 1 in place, so never zero (spec §2). A 256-bit number holds n − 1 at most once, so the reduction is one
 * subtraction, done without a branch because the digest may be secret.
 */
function reduceToScalar(digest: Uint8Array): void {
  let borrow = 0
  for (let index = SCALAR_BYTES - 1; index >= 0; index--) borrow = ((digest[index] ?? 0) - (ORDER_LESS_ONE[index] ?? 0) - borrow) >>> 31
  // All ones when digest ≥ n − 1.
  const mask = borrow - 1
  let carry = 1
  for (let index = SCALAR_BYTES - 1; index >= 0; index--) {
    const sum = (digest[index] ?? 0) - ((ORDER_LESS_ONE[index] ?? 0) & mask) + carry
    digest[index] = sum & 0xff
    carry = sum >> 8
  }
}

function framed(tag: string): Uint8Array {
  return concatBytes(Uint8Array.of(0, 0, 0, tag.length), utf8(tag))
}
