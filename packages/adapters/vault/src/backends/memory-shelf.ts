import { ok, refuse, type Result, type Secret } from "@keygrove/base"
import type { HeldKey, KeyBackendTraits } from "@keygrove/service"
import type { SecretShelf } from "./secret-shelf.ts"

/** Secrets of keys that the settings name, in locked memory for as long as the process lives; disposal wipes them. */
export class MemoryShelf implements SecretShelf, Disposable {
  readonly traits: KeyBackendTraits = { name: "preload", takesSecrets: true, isOutside: false, isTransient: true }
  readonly #secrets: Map<string, Secret> = new Map()

  put(key: Omit<HeldKey, "handle">, secret: Secret): Uint8Array {
    this.drop(key)
    this.#secrets.set(placeOf(key), secret.copy())
    return new Uint8Array(0)
  }

  take(key: HeldKey): Result<Secret, "KEY_RECORD_INVALID"> {
    const secret = this.#secrets.get(placeOf(key))
    return secret === undefined
      ? refuse("KEY_RECORD_INVALID", `the key ${key.id} is not in memory any more; restart the node`)
      : ok(secret.copy())
  }

  drop(key: Pick<HeldKey, "id" | "version">): void {
    const place = placeOf(key)
    this.#secrets.get(place)?.[Symbol.dispose]()
    this.#secrets.delete(place)
  }

  [Symbol.dispose](): void {
    for (const secret of this.#secrets.values()) secret[Symbol.dispose]()
    this.#secrets.clear()
  }
}

/** No id has a colon. */
function placeOf({ id, version }: Pick<HeldKey, "id" | "version">): string {
  return `${id}:${version}`
}
