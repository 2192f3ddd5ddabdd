import type { TransportIdentity } from "@keygrove/service"
import { publicKeyFromRaw } from "@libp2p/crypto/keys"
import type { AbortOptions, Ed25519PrivateKey, Ed25519PublicKey } from "@libp2p/interface"

const never: AbortSignal = new AbortController().signal

/**
 * What libp2p takes for the node's private key: it signs by asking the keystore and has no `raw` to give, so that networking code never holds the
 * node's identity secret (design.md §2.1).
 */
export function remotePrivateKey(signingKey: Uint8Array, sign: TransportIdentity["sign"]): Ed25519PrivateKey {
  const publicKey: Ed25519PublicKey = publicKeyFromRaw(signingKey) as Ed25519PublicKey
  return {
    type: "Ed25519",
    publicKey,
    get raw(): Uint8Array {
      throw new TypeError("the node's private key never leaves the keystore")
    },
    equals: (other) => publicKey.equals(other?.publicKey),
    sign: async (message: Uint8Array | Parameters<Ed25519PrivateKey["sign"]>[0], options?: AbortOptions) =>
      await sign(message.subarray(), { signal: options?.signal ?? never }),
  }
}
