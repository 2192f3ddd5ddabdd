import { ok, refuse, Secret } from "@keygrove/base"
import { isStrictEd25519Input, type Ed25519, type X25519 } from "@keygrove/crypto"
import { sodium, view } from "./sodium.ts"

const PUBLIC_KEY_BYTES = 32
const SECRET_KEY_BYTES = 32
const SIGNATURE_BYTES = 64
/** libsodium's expanded form: seed ‖ public key. */
const EXPANDED_BYTES = 64

/** Ed25519 (RFC 8032) by libsodium. */
export const nativeEd25519: Ed25519 = {
  publicKey: (seed) => withKeyPair(seed, (publicKey) => publicKey),
  sign: (seed, message) =>
    withKeyPair(seed, (_publicKey, expanded) => {
      const signature = new Uint8Array(SIGNATURE_BYTES)
      sodium.crypto_sign_detached(view(signature), view(message), view(expanded))
      return signature
    }),
  verify: (publicKey, message, signature) =>
    isStrictEd25519Input(publicKey, signature) && sodium.crypto_sign_verify_detached(view(signature), view(message), view(publicKey)),
}

/** X25519 (RFC 7748) by libsodium. */
export const nativeX25519: X25519 = {
  publicKey: (secret) => {
    assertLength("X25519 secret", secret.length, SECRET_KEY_BYTES)
    const publicKey = new Uint8Array(PUBLIC_KEY_BYTES)
    secret.expose((bytes) => sodium.crypto_scalarmult_base(view(publicKey), view(bytes)))
    return publicKey
  },
  sharedSecret: (secret, publicKey) => {
    assertLength("X25519 secret", secret.length, SECRET_KEY_BYTES)
    assertLength("X25519 public key", publicKey.length, PUBLIC_KEY_BYTES)
    try {
      return ok(
        secret.expose((bytes) =>
          Secret.fill(PUBLIC_KEY_BYTES, (shared) => sodium.crypto_scalarmult(view(shared), view(bytes), view(publicKey))),
        ),
      )
    } catch {
      // libsodium's only failure here: the result would be all zeros.
      return refuse("X25519_SMALL_ORDER", "X25519 public key is of small order; refuse the peer")
    }
  },
}

function withKeyPair(seed: Secret, use: (publicKey: Uint8Array, expanded: Uint8Array) => Uint8Array): Uint8Array {
  assertLength("Ed25519 seed", seed.length, SECRET_KEY_BYTES)
  const publicKey = new Uint8Array(PUBLIC_KEY_BYTES)
  using expanded = seed.expose((bytes) =>
    Secret.fill(EXPANDED_BYTES, (target) => sodium.crypto_sign_seed_keypair(view(publicKey), view(target), view(bytes))),
  )
  return expanded.expose((bytes) => use(publicKey, bytes))
}

function assertLength(what: string, length: number, expected: number): void {
  if (length !== expected) throw new RangeError(`${what} must have ${expected} bytes, got ${length}`)
}
