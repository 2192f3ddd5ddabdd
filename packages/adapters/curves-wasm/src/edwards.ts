import { ed25519, x25519 } from "@noble/curves/ed25519.js"
import { ok, refuse, Secret } from "@keygrove/base"
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
  verify: (publicKey, message, signature) => isStrictEd25519Input(publicKey, signature) && ed25519.verify(signature, message, publicKey, { zip215: false }),
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
