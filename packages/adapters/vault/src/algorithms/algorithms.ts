import { ok, refuse, type Secret } from "@keygrove/base"
import type { KeyType } from "@keygrove/keys"
import type { AlgorithmTools, KeyAlgorithm } from "./algorithm.ts"
import { bls12381Algorithm } from "./bls12-381.ts"
import { p256Algorithm } from "./p256.ts"
import { secp256k1Algorithm } from "./secp256k1.ts"

const SECRET_BYTES = 32
const has32Bytes = (secret: Secret): boolean => secret.length === SECRET_BYTES

/** The algorithms of every type of key. */
export function createAlgorithms(tools: AlgorithmTools): Readonly<Record<KeyType, KeyAlgorithm>> {
  const { ed25519, x25519 } = tools.primitives
  return {
    ed25519: {
      residue: "none",
      isSecret: has32Bytes,
      publicKey: (secret) => ed25519.publicKey(secret),
      sign: (secret, message) => ed25519.sign(secret, message),
      verify: (publicKey, { message, signature }) => ed25519.verify(publicKey, message, signature),
    },
    x25519: {
      residue: "none",
      isSecret: has32Bytes,
      publicKey: (secret) => x25519.publicKey(secret),
      agree: (secret, peer) => {
        if (peer.length !== 32) return refuse("KEY_PEER_INVALID", `the peer's key has ${peer.length} bytes; X25519 keys have 32`)
        const shared = x25519.sharedSecret(secret, peer)
        return shared.ok ? ok(shared.value) : refuse("KEY_PEER_INVALID", shared.message)
      },
    },
    secp256k1: secp256k1Algorithm(tools),
    p256: p256Algorithm,
    "bls12-381": bls12381Algorithm,
    aes256: { residue: "none", isSecret: has32Bytes, publicKey: () => new Uint8Array(0) },
  }
}
