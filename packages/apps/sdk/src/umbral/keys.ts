import { concatBytes, equalBytes, Secret, utf8 } from "@keygrove/base"
import { randomScalar, SCALAR_BYTES, type Point } from "@keygrove/crypto"
import { nativePrimitives } from "@keygrove/curves-native"
import { hashToSecretScalar } from "@keygrove/reencryption"
import { orThrow, tools } from "./tools.ts"

const { curve, sha256 } = nativePrimitives
const SEED_BYTES = 32

/** A secp256k1 public key. */
export class PublicKey {
  readonly #point: Point

  /** @param point as the curve decoded it; use {@link PublicKey.fromCompressedBytes}. */
  constructor(point: Point) {
    this.#point = point
  }

  /** Parses 33 bytes. @throws KeygroveError `POINT_INVALID`, also for uncompressed points. */
  static fromCompressedBytes(bytes: Uint8Array): PublicKey {
    return new PublicKey(orThrow(curve.decodePoint(bytes)))
  }

  /** For the operations of this package. */
  get point(): Point {
    return this.#point
  }

  /** 33 bytes. */
  toCompressedBytes(): Uint8Array {
    return curve.encodePoint(this.#point)
  }

  equals(other: PublicKey): boolean {
    return equalBytes(this.#point, other.#point)
  }
}

/** A secret scalar in locked memory. Dispose of it. */
export class SecretKey implements Disposable {
  readonly #secret: Secret

  private constructor(secret: Secret) {
    this.#secret = secret
  }

  static random(): SecretKey {
    return new SecretKey(randomScalar(tools))
  }

  /** Copies 32 bytes, big-endian. @throws KeygroveError `SCALAR_INVALID` on zero and on values not below the group order. */
  static fromBEBytes(bytes: Uint8Array): SecretKey {
    orThrow(curve.decodeScalar(bytes)).fill(0)
    return SecretKey.take(Secret.fill(SCALAR_BYTES, (target) => target.set(bytes)))
  }

  /** Takes over a scalar. */
  static take(secret: Secret): SecretKey {
    return new SecretKey(secret)
  }

  /** For the operations of this package; borrowed. */
  get secret(): Secret {
    return this.#secret
  }

  /** A copy of the 32 bytes, which the caller must wipe: the only way out, because the reference has it. */
  toBEBytes(): Uint8Array {
    return this.#secret.expose((bytes) => Uint8Array.from(bytes))
  }

  publicKey(): PublicKey {
    return new PublicKey(curve.basePointTimesSecret(this.#secret))
  }

  [Symbol.dispose](): void {
    this.#secret[Symbol.dispose]()
  }
}

/** Derives keys by label from one 32-byte seed, as the reference does (docs/protocol/umbral.md, spec §6). Dispose of it. */
export class SecretKeyFactory implements Disposable {
  readonly #seed: Secret

  private constructor(seed: Secret) {
    this.#seed = seed
  }

  static random(): SecretKeyFactory {
    return new SecretKeyFactory(Secret.take(tools.random(SEED_BYTES)))
  }

  static seedSize(): number {
    return SEED_BYTES
  }

  /** Copies a seed of 32 bytes. */
  static fromSecureRandomness(seed: Uint8Array): SecretKeyFactory {
    if (seed.length !== SEED_BYTES) throw new RangeError(`a seed has ${SEED_BYTES} bytes, got ${seed.length}`)
    return new SecretKeyFactory(Secret.fill(SEED_BYTES, (target) => target.set(seed)))
  }

  /** The key of a label. */
  makeKey(label: Uint8Array): SecretKey {
    const info = concatBytes(utf8("KEY_DERIVATION/"), label)
    using material = nativePrimitives.hkdf(this.#seed, info, 64)
    return SecretKey.take(hashToSecretScalar(sha256, info, material))
  }

  /** The factory of a label. */
  makeFactory(label: Uint8Array): SecretKeyFactory {
    return new SecretKeyFactory(nativePrimitives.hkdf(this.#seed, concatBytes(utf8("FACTORY_DERIVATION/"), label), SEED_BYTES))
  }

  /** A copy of a 64-byte secret of a label, which the caller must wipe. */
  makeSecret(label: Uint8Array): Uint8Array {
    using secret = nativePrimitives.hkdf(this.#seed, concatBytes(utf8("SECRET_DERIVATION/"), label), 64)
    return secret.expose((bytes) => Uint8Array.from(bytes))
  }

  [Symbol.dispose](): void {
    this.#seed[Symbol.dispose]()
  }
}

/** Signs fragments. Borrows the key. */
export class Signer {
  readonly #key: SecretKey

  constructor(key: SecretKey) {
    this.#key = key
  }

  /** For the operations of this package; borrowed. */
  get secret(): Secret {
    return this.#key.secret
  }

  verifyingKey(): PublicKey {
    return this.#key.publicKey()
  }

  /** ECDSA over SHA-256 of the message. */
  sign(message: Uint8Array): Signature {
    return Signature.fromBEBytes(curve.signEcdsa(this.#key.secret, sha256(message), tools.random(32)))
  }
}

const SIGNATURE_BYTES = 64

/** An ECDSA signature, r ‖ s. */
export class Signature {
  readonly #bytes: Uint8Array

  private constructor(bytes: Uint8Array) {
    this.#bytes = bytes
  }

  /** Copies 64 bytes. */
  static fromBEBytes(bytes: Uint8Array): Signature {
    if (bytes.length !== SIGNATURE_BYTES) throw new RangeError(`a signature has ${SIGNATURE_BYTES} bytes, got ${bytes.length}`)
    return new Signature(Uint8Array.from(bytes))
  }

  toBEBytes(): Uint8Array {
    return Uint8Array.from(this.#bytes)
  }

  /** Whether it is a low-S signature of the message; the reference accepts high-S too. */
  verify(verifyingKey: PublicKey, message: Uint8Array): boolean {
    return curve.verifyEcdsa(verifyingKey.point, sha256(message), this.#bytes)
  }
}
