import { ed25519, x25519 } from "@noble/curves/ed25519.js"
import { sha512 } from "@noble/hashes/sha2.js"
import { equalBytes, ok, refuse, Secret } from "@keygrove/base"
import { isStrictEd25519Input, type Ed25519, type X25519 } from "@keygrove/crypto"

const KEY_BYTES = 32

/** Ed25519 (RFC 8032) in JavaScript. Signing puts the secret through BigInt, which cannot be wiped: for browsers, not for nodes. */
export const portableEd25519: Ed25519 = {
  publicKey: (seed) => {
    assertLength("Ed25519 seed", seed.length)
    return seed.expose((bytes) => ed25519.getPublicKey(bytes))
  },
  sign: (seed, message) => {
    assertLength("Ed25519 seed", seed.length)
    return seed.expose((bytes) => ed25519.sign(message, bytes))
  },
  verify: (publicKey, message, signature) =>
    isStrictEd25519Input(publicKey, signature) && verifyCofactorless(publicKey, message, signature),
}

/**
 * RFC 8032 §5.1.7 with the equation that needs no multiplication by the cofactor: encode(S·B − k·A) = R, as libsodium has it. noble's own
 * `verify` multiplies by 8 and so accepts signatures whose owner mixed in a point of small order, on which nodes would then disagree.
 */
function verifyCofactorless(publicKey: Uint8Array, message: Uint8Array, signature: Uint8Array): boolean {
  const { Point } = ed25519
  const commitment = signature.subarray(0, 32)
  try {
    const key = Point.fromBytes(publicKey)
    const challenge = Point.Fn.create(littleEndian(sha512.create().update(commitment).update(publicKey).update(message).digest()))
    const expected = Point.BASE.multiplyUnsafe(littleEndian(signature.subarray(32))).subtract(key.multiplyUnsafe(challenge))
    return equalBytes(expected.toBytes(), commitment)
  } catch {
    // The key's y is no point of the curve.
    return false
  }
}

function littleEndian(bytes: Uint8Array): bigint {
  return bytes.reduceRight((value, byte) => (value << 8n) | BigInt(byte), 0n)
}

/** X25519 (RFC 7748) in JavaScript. */
export const portableX25519: X25519 = {
  publicKey: (secret) => {
    assertLength("X25519 secret", secret.length)
    return secret.expose((bytes) => x25519.getPublicKey(bytes))
  },
  sharedSecret: (secret, publicKey) => {
    assertLength("X25519 secret", secret.length)
    assertLength("X25519 public key", publicKey.length)
    try {
      return ok(Secret.take(secret.expose((bytes) => x25519.getSharedSecret(bytes, publicKey))))
    } catch {
      // The library's only failure here: the result would be all zeros.
      return refuse("X25519_SMALL_ORDER", "X25519 public key is of small order; refuse the peer")
    }
  },
}

function assertLength(what: string, length: number): void {
  if (length !== KEY_BYTES) throw new RangeError(`${what} must have ${KEY_BYTES} bytes, got ${length}`)
}
