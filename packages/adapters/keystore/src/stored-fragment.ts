import { ok, refuse, Secret, type RandomBytes, type Result } from "@keygrove/base"
import { deriveKey, encodeInfo, type Primitives } from "@keygrove/crypto"

const NONCE_BYTES = 24

/** Seals what a proxy keeps under the node's storage key, bound to its policy: nonce ‖ ciphertext ‖ tag. Opens also what was sealed in earlier epochs. */
export class FragmentVault implements Disposable {
  readonly #primitives: Primitives
  readonly #random: RandomBytes
  readonly #key: Secret
  readonly #storages: readonly Secret[]
  readonly #owned = new DisposableStack()
  /** Derived when something old is first asked for; one of each epoch at hand. */
  #earlier: readonly Secret[] | undefined

  /** @param storages the storage secrets of the epochs, the current one first and at least that; borrowed. */
  constructor(primitives: Primitives, random: RandomBytes, storages: readonly [Secret, ...Secret[]]) {
    const [current, ...earlier] = storages
    this.#primitives = primitives
    this.#random = random
    this.#storages = earlier
    this.#key = this.#derive(current)
  }

  seal(policyId: Uint8Array, fragment: Secret): Uint8Array {
    const nonce = this.#random(NONCE_BYTES)
    const sealed = fragment.expose((bytes) => this.#aead().seal(this.#key, nonce, bytes, associated(policyId)))
    const stored = new Uint8Array(NONCE_BYTES + sealed.length)
    stored.set(nonce)
    stored.set(sealed, NONCE_BYTES)
    return stored
  }

  /** The fragment belongs to the caller. What is stored does not say its epoch, so each is tried, the newest first. */
  open(policyId: Uint8Array, stored: Uint8Array): Result<Secret, "FRAGMENT_INVALID"> {
    const place = associated(policyId)
    const openWith = (key: Secret): Secret | undefined => {
      const opened = this.#aead().open(key, stored.subarray(0, NONCE_BYTES), stored.subarray(NONCE_BYTES), place)
      return opened.ok ? Secret.take(opened.value) : undefined
    }
    const current = openWith(this.#key)
    if (current !== undefined) return ok(current)
    this.#earlier ??= this.#storages.map((storage) => this.#derive(storage))
    for (const key of this.#earlier) {
      const fragment = openWith(key)
      if (fragment !== undefined) return ok(fragment)
    }
    return refuse("FRAGMENT_INVALID", "the stored fragment was changed or belongs to another policy or node")
  }

  [Symbol.dispose](): void {
    this.#owned.dispose()
  }

  #derive(storage: Secret): Secret {
    return this.#owned.use(deriveKey(this.#primitives, storage, ["keygrove/v1/stored-fragment"], 32))
  }

  #aead(): ReturnType<Primitives["aead"]> {
    return this.#primitives.aead("xchacha20-poly1305")
  }
}

function associated(policyId: Uint8Array): Uint8Array {
  return encodeInfo(["keygrove/v1/stored-fragment", policyId])
}
