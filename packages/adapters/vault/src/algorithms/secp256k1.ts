import { ok, refuse, Secret } from "@keygrove/base"
import type { AlgorithmTools, KeyAlgorithm } from "./algorithm.ts"
import { Bip340 } from "./bip340.ts"

/** secp256k1: ECDSA over SHA-256 (64 bytes r ‖ s, low s, RFC 6979 with added entropy), BIP 340, and Diffie-Hellman. */
export function secp256k1Algorithm(tools: AlgorithmTools): KeyAlgorithm {
  const { curve, sha256 } = tools.primitives
  const bip340 = new Bip340(tools)
  return {
    residue: "none",
    isSecret: (secret) => curve.isScalar(secret),
    publicKey: (secret) => curve.encodePoint(curve.basePointTimesSecret(secret)),
    sign: (secret, message, algorithm) =>
      algorithm === "bip340" ? bip340.sign(secret, message) : curve.signEcdsa(secret, sha256(message), tools.random(32)),
    verify: (publicKey, { algorithm, message, signature }) => {
      if (algorithm === "bip340") return bip340.verify(publicKey, message, signature)
      const point = curve.decodePoint(publicKey)
      return point.ok && curve.verifyEcdsa(point.value, sha256(message), signature)
    },
    agree: (secret, peer) => {
      const point = curve.decodePoint(peer)
      if (!point.ok) return refuse("KEY_PEER_INVALID", point.message)
      // Constant time in the secret; the product of a point of prime order and a scalar is never infinity.
      const product = curve.encodePoint(curve.multiplySecret(point.value, secret))
      const shared = Secret.take(product.slice(1))
      product.fill(0)
      return ok(shared)
    },
  }
}
