import { ok, refuse, Secret, type RandomBytes, type Result } from "@keygrove/base"
import { deriveKey, encodeInfo, type Primitives } from "@keygrove/crypto"

const NONCE_BYTES = 24

/** Seals what a proxy keeps under the node's storage key, bound to its policy: nonce ‖ ciphertext ‖ tag. Opens also what was sealed in earlier epochs. */
export class FragmentVault implements Disposable {
  readonly #primitives: Primitives
  readonly #random: RandomBytes
  readonly #storages: () => readonly Secret[]
  readonly #owned = new DisposableStack()
  /** By storage secret, derived when the epoch is first needed; one of each at hand. */
  readonly #keys = new Map<Secret, Secret>()

  /** @param storages the storage secrets of the epochs now, the current one first and at least that; borrowed. */
  constructor(primitives: Primitives, random: RandomBytes, storages: () => readonly Secret[]) {
    this.#primitives = primitives
    this.#random = random
    this.#storages = storages
  }

  seal(policyId: Uint8Array, fragment: Secret): Uint8Array {
    const nonce = this.#random(NONCE_BYTES)
    const [current] = this.#storages()
    if (current === undefined) throw new TypeError("a node has a current epoch")
    const key = this.#keyOf(current)
    const sealed = fragment.expose((bytes) => this.#aead().seal(key, nonce, bytes, associated(policyId)))
    const stored = new Uint8Array(NONCE_BYTES + sealed.length)
    stored.set(nonce)
    stored.set(sealed, NONCE_BYTES)
    return stored
  }

  /** The fragment belongs to the caller. What is stored does not say its epoch, so each is tried, the newest first. */
  open(policyId: Uint8Array, stored: Uint8Array): Result<Secret, "FRAGMENT_INVALID"> {
    const place = associated(policyId)
    for (const storage of this.#storages()) {
      const opened = this.#aead().open(this.#keyOf(storage), stored.subarray(0, NONCE_BYTES), stored.subarray(NONCE_BYTES), place)
      if (opened.ok) return ok(Secret.take(opened.value))
    }
    return refuse("FRAGMENT_INVALID", "the stored fragment was changed or belongs to another policy or node")
  }

  [Symbol.dispose](): void {
    this.#owned.dispose()
  }

  #keyOf(storage: Secret): Secret {
    const known = this.#keys.get(storage)
    if (known !== undefined) return known
    const key = this.#owned.use(deriveKey(this.#primitives, storage, ["keygrove/v1/stored-fragment"], 32))
    this.#keys.set(storage, key)
    return key
  }

  #aead(): ReturnType<Primitives["aead"]> {
    return this.#primitives.aead("xchacha20-poly1305")
  }
}

function associated(policyId: Uint8Array): Uint8Array {
  return encodeInfo(["keygrove/v1/stored-fragment", policyId])
}
