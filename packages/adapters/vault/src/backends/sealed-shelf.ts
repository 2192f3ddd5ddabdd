import { concatBytes, ok, refuse, Secret, type RandomBytes, type Result } from "@keygrove/base"
import { encodeInfo, type Aead, type Primitives } from "@keygrove/crypto"
import type { HeldKey, KeyBackendTraits } from "@keygrove/service"
import type { SecretShelf } from "./secret-shelf.ts"

const NONCE_BYTES = 24

/**
 * Secrets sealed under the vault's own key, each bound to its key, type, version and public part: the handle is the sealed secret itself, so that it is stored
 * and destroyed with the record, both or neither. Borrows the sealing key.
 */
export class SealedShelf implements SecretShelf {
  readonly traits: KeyBackendTraits = { name: "sealed", takesSecrets: true, isOutside: false, isTransient: false }
  readonly #aead: Aead
  readonly #random: RandomBytes
  readonly #sealing: Secret

  constructor({ primitives, random }: { readonly primitives: Primitives; readonly random: RandomBytes }, sealing: Secret) {
    this.#aead = primitives.aead("xchacha20-poly1305")
    this.#random = random
    this.#sealing = sealing
  }

  /** Nonce (24) ‖ ciphertext ‖ tag (16). */
  put(key: Omit<HeldKey, "handle">, secret: Secret): Uint8Array {
    const nonce = this.#random(NONCE_BYTES)
    return concatBytes(
      nonce,
      secret.expose((bytes) => this.#aead.seal(this.#sealing, nonce, bytes, placeOf(key))),
    )
  }

  take(key: HeldKey): Result<Secret, "KEY_RECORD_INVALID"> {
    const { handle, id } = key
    const opened =
      handle.length > NONCE_BYTES
        ? this.#aead.open(this.#sealing, handle.subarray(0, NONCE_BYTES), handle.subarray(NONCE_BYTES), placeOf(key))
        : undefined
    if (opened?.ok === true) return ok(Secret.take(opened.value))
    return refuse("KEY_RECORD_INVALID", `the record of key ${id} was changed; restore the home directory from a backup`)
  }

  /** Nothing: the handle was all there is. */
  drop(): void {}
}

function placeOf({ id, publicKey, type, version }: Omit<HeldKey, "handle">): Uint8Array {
  return encodeInfo(["keygrove/v1/key-secret", id, type, version, publicKey])
}
