import { concatBytes, KeygroveError, type Secret } from "@keygrove/base"
import { nativePrimitives } from "@keygrove/curves-native"
import type { PublicKey, SecretKey, Signer } from "./keys.ts"
import { Capsule, VerifiedCapsuleFrag, VerifiedKeyFrag } from "./objects.ts"
import { orThrow, tools, umbral } from "./tools.ts"

/** Umbral's own cipher (spec §4): XChaCha20-Poly1305, the nonce before the ciphertext, the simple capsule as associated data. */
const NONCE_BYTES = 24
const TAG_BYTES = 16
const KEY_BYTES = 32

/** Encrypts for the owner of a key: the capsule, and nonce ‖ ciphertext ‖ tag. */
export function encrypt(delegatingKey: PublicKey, plaintext: Uint8Array): [Capsule, Uint8Array] {
  const { capsule: core, keySeed } = umbral.encapsulate(delegatingKey.point)
  using seed = keySeed
  using key = demKey(seed)
  const capsule = new Capsule(core)
  const nonce = tools.random(NONCE_BYTES)
  return [capsule, concatBytes(nonce, nativePrimitives.aead("xchacha20-poly1305").seal(key, nonce, plaintext, capsule.toBytesSimple()))]
}

/** Decrypts as the owner. @throws KeygroveError `UMBRAL_*`, `AEAD_FAILED`. */
export function decryptOriginal(delegatingKey: SecretKey, capsule: Capsule, ciphertext: Uint8Array): Uint8Array {
  using seed = orThrow(umbral.openOriginal(delegatingKey.secret, capsule.core))
  return openWith(seed, capsule, ciphertext)
}

/** Fragments for `shares` proxies, any `threshold` of which open for the receiver. Seven arguments, because the reference has them. */
export function generateKFrags(...args: GenerationArguments): VerifiedKeyFrag[] {
  const [delegatingKey, receivingKey, signer, threshold, shares, signDelegatingKey, signReceivingKey] = args
  const order = {
    delegatingKey: delegatingKey.secret,
    receivingKey: receivingKey.point,
    signingKey: signer.secret,
    threshold,
    shares,
    signDelegatingKey,
    signReceivingKey,
  }
  return orThrow(umbral.generateFragments(order)).map((fragment) => new VerifiedKeyFrag(fragment))
}

/** Arguments of {@link generateKFrags}, in the reference's order. */
export type GenerationArguments = readonly [
  delegatingKey: SecretKey,
  receivingKey: PublicKey,
  signer: Signer,
  threshold: number,
  shares: number,
  signDelegatingKey: boolean,
  signReceivingKey: boolean,
]

/** A proxy's part. */
export function reencrypt(capsule: Capsule, fragment: VerifiedKeyFrag): VerifiedCapsuleFrag {
  return new VerifiedCapsuleFrag(umbral.reencrypt(capsule.core, fragment.core))
}

/** Decrypts as the receiver. @throws KeygroveError `UMBRAL_*`, `AEAD_FAILED`. */
export function decryptReencrypted(...args: DecryptionArguments): Uint8Array {
  const [receivingKey, delegatingKey, capsule, fragments, ciphertext] = args
  const opening = {
    receivingKey: receivingKey.secret,
    delegatingKey: delegatingKey.point,
    capsule: capsule.core,
    fragments: fragments.map((fragment) => fragment.core),
  }
  using seed = orThrow(umbral.openReencrypted(opening))
  return openWith(seed, capsule, ciphertext)
}

/** Arguments of {@link decryptReencrypted}, in the reference's order. */
export type DecryptionArguments = readonly [
  receivingKey: SecretKey,
  delegatingKey: PublicKey,
  capsule: Capsule,
  fragments: readonly VerifiedCapsuleFrag[],
  ciphertext: Uint8Array,
]

function openWith(seed: Secret, capsule: Capsule, ciphertext: Uint8Array): Uint8Array {
  if (ciphertext.length < NONCE_BYTES + TAG_BYTES)
    throw new KeygroveError("AEAD_FAILED", `the ciphertext has ${ciphertext.length} bytes; at least ${NONCE_BYTES + TAG_BYTES} are needed`)
  using key = demKey(seed)
  const opened = nativePrimitives
    .aead("xchacha20-poly1305")
    .open(key, ciphertext.subarray(0, NONCE_BYTES), ciphertext.subarray(NONCE_BYTES), capsule.toBytesSimple())
  return orThrow(opened)
}

function demKey(seed: Secret): Secret {
  return nativePrimitives.hkdf(seed, new Uint8Array(0), KEY_BYTES)
}
