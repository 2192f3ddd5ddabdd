import { ok, type Result, type Secret } from "@keygrove/base"
import { deriveKey, deriveScalar, type Primitives } from "@keygrove/crypto"
import type { BootKeys, CallOptions } from "@keygrove/service"

/** Bytes of a boot secret. */
export const BOOT_SECRET_BYTES = 32

/** Codes of a boot secret that cannot be had: its file is wrong, or what it is sealed to does not open it. */
export type BootKeyRefusal = "BOOT_KEY_INVALID" | "BOOT_KEY_SEALED"

/** Where a node's boot secret is. */
export interface BootSecretSource {
  /** The secret, which belongs to the caller. `make` has one made, durably, when there is none. May take a second. */
  open(options: CallOptions & { readonly make: boolean }): Promise<Result<Secret, BootKeyRefusal>>
  /** Another text when the secret may be another by now; `undefined` where it costs nothing to look. */
  stamp(): string | undefined
}

/** What a boot secret gives. Disposal wipes the three secrets. */
export interface BootKeyPair extends Disposable {
  /** Ed25519 seed. */
  readonly signing: Secret
  /** X25519 secret. */
  readonly sealing: Secret
  /** secp256k1 scalar. */
  readonly encryption: Secret
  readonly keys: BootKeys
}

/** The keys of a boot secret, which is borrowed. */
export function deriveBootKeys(primitives: Primitives, boot: Secret): BootKeyPair {
  using partial = new DisposableStack()
  const signing = partial.use(deriveKey(primitives, boot, ["keygrove/v1/boot-signing"], 32))
  const sealing = partial.use(deriveKey(primitives, boot, ["keygrove/v1/boot-sealing"], 32))
  const encryption = partial.use(deriveScalar(primitives, boot, ["keygrove/v1/boot-encryption"]))
  const { curve, ed25519, x25519 } = primitives
  const keys = {
    signingKey: ed25519.publicKey(signing),
    sealingKey: x25519.publicKey(sealing),
    encryptionKey: curve.encodePoint(curve.basePointTimesSecret(encryption)),
  }
  const owned = partial.move()
  return { signing, sealing, encryption, keys, [Symbol.dispose]: () => owned.dispose() }
}

/** A boot secret in memory, for simulations; taken over, and copied for each who asks. */
export function bootSecretOf(secret: Secret): BootSecretSource {
  return { open: async () => await Promise.resolve(ok(secret.copy())), stamp: () => undefined }
}
