import { ok, refuse, type Refusal, type Result } from "@keygrove/base"
import type { KeyBackendName, KeyEntry, KeyVersion } from "@keygrove/keys"
import type { HeldKey, KeyBackend } from "@keygrove/service"
import type { KeyRecords } from "./key-records.ts"

/** A version of a key and what uses its secret. */
export interface BackedKey {
  readonly backend: KeyBackend
  readonly key: HeldKey
}

/** The backends of one vault, by name. */
export class KeyBackends {
  readonly #records: KeyRecords
  readonly #backends: ReadonlyMap<KeyBackendName, KeyBackend>

  constructor(records: KeyRecords, backends: readonly KeyBackend[]) {
    this.#records = records
    this.#backends = new Map(backends.map((backend) => [backend.traits.name, backend]))
  }

  /** Those that keep secrets in places of their own. */
  get outside(): readonly KeyBackend[] {
    return [...this.#backends.values()].filter(({ traits }) => traits.isOutside)
  }

  find(name: KeyBackendName): Result<KeyBackend, "KEY_BACKEND_UNAVAILABLE"> {
    const backend = this.#backends.get(name)
    if (backend !== undefined) return ok(backend)
    return refuse(
      "KEY_BACKEND_UNAVAILABLE",
      `this node has no backend ${name}; describe it as "${name}" in config.json and restart the node`,
    )
  }

  /** What uses a version of a key, and the version as it knows it. */
  of(entry: KeyEntry, { publicKey, version }: KeyVersion): Result<BackedKey, "KEY_BACKEND_UNAVAILABLE"> {
    const backend = this.find(entry.backend)
    if (!backend.ok) return backend
    const handle = this.#records.handle(entry, version)
    return ok({ backend: backend.value, key: { id: entry.id, type: entry.type, version, publicKey, handle } })
  }
}

/** What a backend does not do with a key. */
export function unsupportedBy({ traits }: KeyBackend, why: string): Refusal<"KEY_BACKEND_UNSUPPORTED"> {
  return refuse("KEY_BACKEND_UNSUPPORTED", `a key of the backend ${traits.name} ${why}`)
}
