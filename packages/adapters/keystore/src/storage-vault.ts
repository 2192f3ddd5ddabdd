import type { CborValue, Secret } from "@keygrove/base"
import { deriveKey, encodeInfo, type Primitives } from "@keygrove/crypto"
import { openBox, sealBox, type BoxTools } from "./sealed-box.ts"

/** What such a vault works with. */
export interface StorageTools extends BoxTools {
  readonly primitives: Primitives
}

/** Seals what a node keeps for others under a key that derives from its storage secret, bound to its place. Opens also what was sealed in earlier epochs. */
export class StorageVault implements Disposable {
  readonly #tools: StorageTools
  readonly #domain: string
  readonly #storages: () => readonly Secret[]
  readonly #owned = new DisposableStack()
  /** By storage secret, derived when the epoch is first needed; one of each at hand. */
  readonly #keys = new Map<Secret, Secret>()

  /**
   * @param domain what is kept, e.g. `keygrove/v1/stored-fragment`.
   * @param storages the storage secrets of the epochs now, the current one first and at least that; borrowed.
   */
  constructor(tools: StorageTools, domain: string, storages: () => readonly Secret[]) {
    this.#tools = tools
    this.#domain = domain
    this.#storages = storages
  }

  /** @param place what it belongs to, e.g. the id of its policy. @returns nonce ‖ ciphertext ‖ tag, 40 bytes more than the secret, which is borrowed. */
  seal(place: readonly CborValue[], secret: Secret): Uint8Array {
    const [current] = this.#storages()
    if (current === undefined) throw new TypeError("a node has a current epoch")
    return sealBox(this.#tools, this.#keyOf(current), secret, this.#associated(place))
  }

  /** The secret belongs to the caller; `undefined` when it was changed, or belongs to another place or node. What is stored does not say its epoch, so each is tried, the newest first. */
  open(place: readonly CborValue[], stored: Uint8Array): Secret | undefined {
    const associated = this.#associated(place)
    for (const storage of this.#storages()) {
      const opened = openBox(this.#tools, this.#keyOf(storage), stored, associated)
      if (opened !== undefined) return opened
    }
    return undefined
  }

  [Symbol.dispose](): void {
    this.#owned.dispose()
  }

  #keyOf(storage: Secret): Secret {
    const known = this.#keys.get(storage)
    if (known !== undefined) return known
    const key = this.#owned.use(deriveKey(this.#tools.primitives, storage, [this.#domain], 32))
    this.#keys.set(storage, key)
    return key
  }

  #associated(place: readonly CborValue[]): Uint8Array {
    return encodeInfo([this.#domain, ...place])
  }
}
