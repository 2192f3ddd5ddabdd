import { PublicKey, SecretKey, Signature, verify } from "@chainsafe/blst"
import type { Secret } from "@keygrove/base"
import type { KeyAlgorithm } from "./algorithm.ts"

/**
 * BLS signatures by blst: public keys in G1 (48 bytes), signatures in G2 (96 bytes), ciphersuite
 * BLS_SIG_BLS12381G2_XMD:SHA-256_SSWU_RO_POP_ (draft-irtf-cfrg-bls-signature-05). blst's copy of the scalar is wiped when its object is collected.
 */
export const bls12381Algorithm: KeyAlgorithm = {
  residue: "until-collected",
  isSecret: (secret) => secretKey(secret) !== undefined,
  publicKey: (secret) => Uint8Array.from(mustBe(secretKey(secret)).toPublicKey().toBytes()),
  sign: (secret, message) => Uint8Array.from(mustBe(secretKey(secret)).sign(message).toBytes()),
  verify: (publicKey, { message, signature }) => {
    if (publicKey.length !== 48 || signature.length !== 96) return false
    try {
      // Both are checked to be in their groups and not infinity.
      return verify(message, PublicKey.fromBytes(publicKey, true), Signature.fromBytes(signature, true), true, true)
    } catch {
      // The library throws for what is no point.
      return false
    }
  },
}

function secretKey(secret: Secret): SecretKey | undefined {
  try {
    return secret.expose((bytes) => SecretKey.fromBytes(bytes))
  } catch {
    // Zero, or not below the group order.
    return undefined
  }
}

function mustBe(key: SecretKey | undefined): SecretKey {
  if (key === undefined) throw new TypeError("not a scalar of BLS12-381")
  return key
}
