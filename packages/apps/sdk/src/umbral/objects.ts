import { equalBytes } from "@keygrove/base"
import type {
  Capsule as CoreCapsule,
  CapsuleFragment,
  KeyFragment,
  VerifiedCapsuleFragment,
  VerifiedKeyFragment,
} from "@keygrove/reencryption"
import type { PublicKey } from "./keys.ts"
import { orThrow, umbral } from "./tools.ts"

/** What travels with encrypted data. */
export class Capsule {
  readonly #capsule: CoreCapsule

  constructor(capsule: CoreCapsule) {
    this.#capsule = capsule
  }

  /** Parses and checks 105 bytes of MessagePack. @throws KeygroveError `UMBRAL_*`. */
  static fromBytes(bytes: Uint8Array): Capsule {
    return new Capsule(orThrow(umbral.decodeCapsule(bytes)))
  }

  /** For the operations of this package. */
  get core(): CoreCapsule {
    return this.#capsule
  }

  /** 105 bytes. */
  toBytes(): Uint8Array {
    return umbral.encodeCapsule(this.#capsule)
  }

  /** 98 bytes. */
  toBytesSimple(): Uint8Array {
    return umbral.encodeCapsuleSimple(this.#capsule)
  }

  equals(other: Capsule): boolean {
    return equalBytes(this.toBytes(), other.toBytes())
  }
}

/** A key fragment that is known to be right. Dispose of it. */
export class VerifiedKeyFrag implements Disposable {
  readonly #fragment: VerifiedKeyFragment

  constructor(fragment: VerifiedKeyFragment) {
    this.#fragment = fragment
  }

  /** For the operations of this package; borrowed. */
  get core(): VerifiedKeyFragment {
    return this.#fragment
  }

  /** A copy of its 310 bytes, which hold a secret: the caller must wipe them. */
  toBytes(): Uint8Array {
    using encoded = umbral.encodeFragment(this.#fragment)
    return encoded.expose((bytes) => Uint8Array.from(bytes))
  }

  [Symbol.dispose](): void {
    this.#fragment[Symbol.dispose]()
  }
}

/** A key fragment as it arrived. */
export class KeyFrag implements Disposable {
  readonly #fragment: KeyFragment

  private constructor(fragment: KeyFragment) {
    this.#fragment = fragment
  }

  /** Parses 310 bytes of MessagePack. @throws KeygroveError `UMBRAL_*`. */
  static fromBytes(bytes: Uint8Array): KeyFrag {
    return new KeyFrag(orThrow(umbral.decodeFragment(bytes)))
  }

  /** The same fragment, checked; `null` where a key is not given. Afterwards the result owns the secret. @throws KeygroveError `UMBRAL_*`. */
  verify(verifyingKey: PublicKey, delegatingKey: PublicKey | null, receivingKey: PublicKey | null): VerifiedKeyFrag {
    const keys = {
      verifyingKey: verifyingKey.point,
      ...(delegatingKey === null ? {} : { delegatingKey: delegatingKey.point }),
      ...(receivingKey === null ? {} : { receivingKey: receivingKey.point }),
    }
    return new VerifiedKeyFrag(orThrow(umbral.verifyFragment(this.#fragment, keys)))
  }

  /** A copy of its 310 bytes, which hold a secret: the caller must wipe them. */
  toBytes(): Uint8Array {
    using encoded = umbral.encodeFragment(this.#fragment)
    return encoded.expose((bytes) => Uint8Array.from(bytes))
  }

  [Symbol.dispose](): void {
    this.#fragment[Symbol.dispose]()
  }
}

/** A proxy's answer that is known to be right. */
export class VerifiedCapsuleFrag {
  readonly #fragment: VerifiedCapsuleFragment

  constructor(fragment: VerifiedCapsuleFragment) {
    this.#fragment = fragment
  }

  /** For the operations of this package. */
  get core(): VerifiedCapsuleFragment {
    return this.#fragment
  }

  /** 381 bytes. */
  toBytes(): Uint8Array {
    return umbral.encodeCapsuleFragment(this.#fragment)
  }
}

/** A proxy's answer as it arrived. */
export class CapsuleFrag {
  readonly #fragment: CapsuleFragment

  private constructor(fragment: CapsuleFragment) {
    this.#fragment = fragment
  }

  /** Parses 381 bytes of MessagePack. @throws KeygroveError `UMBRAL_*`. */
  static fromBytes(bytes: Uint8Array): CapsuleFrag {
    return new CapsuleFrag(orThrow(umbral.decodeCapsuleFragment(bytes)))
  }

  /** Checks the owner's signature and the proxy's proof. @throws KeygroveError `UMBRAL_*`. */
  verify(
    capsule: Capsule,
    verifyingKey: PublicKey,
    ...[delegatingKey, receivingKey]: readonly [PublicKey, PublicKey]
  ): VerifiedCapsuleFrag {
    const keys = { verifyingKey: verifyingKey.point, delegatingKey: delegatingKey.point, receivingKey: receivingKey.point }
    return new VerifiedCapsuleFrag(orThrow(umbral.verifyCapsuleFragment(capsule.core, this.#fragment, keys)))
  }

  /** 381 bytes. */
  toBytes(): Uint8Array {
    return umbral.encodeCapsuleFragment(this.#fragment)
  }
}
