import { ok, refuse, Secret, type RandomBytes, type Result } from "@keygrove/base"
import { deriveKey, encodeInfo, type Primitives } from "@keygrove/crypto"

const NONCE_BYTES = 24

/** Seals what a proxy keeps under the node's storage key, bound to its policy: nonce ‖ ciphertext ‖ tag. */
export class FragmentVault implements Disposable {
  readonly #primitives: Primitives
  readonly #random: RandomBytes
  readonly #key: Secret

  /** @param storage the epoch's storage secret, borrowed. */
  constructor(primitives: Primitives, random: RandomBytes, storage: Secret) {
    this.#primitives = primitives
    this.#random = random
    this.#key = deriveKey(primitives, storage, ["keygrove/v1/stored-fragment"], 32)
  }

  seal(policyId: Uint8Array, fragment: Secret): Uint8Array {
    const nonce = this.#random(NONCE_BYTES)
    const sealed = fragment.expose((bytes) => this.#aead().seal(this.#key, nonce, bytes, associated(policyId)))
    const stored = new Uint8Array(NONCE_BYTES + sealed.length)
    stored.set(nonce)
    stored.set(sealed, NONCE_BYTES)
    return stored
  }

  /** The fragment belongs to the caller. */
  open(policyId: Uint8Array, stored: Uint8Array): Result<Secret, "FRAGMENT_INVALID"> {
    const opened = this.#aead().open(this.#key, stored.subarray(0, NONCE_BYTES), stored.subarray(NONCE_BYTES), associated(policyId))
    if (!opened.ok) return refuse("FRAGMENT_INVALID", "the stored fragment was changed or belongs to another policy or node")
    return ok(Secret.take(opened.value))
  }

  [Symbol.dispose](): void {
    this.#key[Symbol.dispose]()
  }

  #aead(): ReturnType<Primitives["aead"]> {
    return this.#primitives.aead("xchacha20-poly1305")
  }
}

function associated(policyId: Uint8Array): Uint8Array {
  return encodeInfo(["keygrove/v1/stored-fragment", policyId])
}
