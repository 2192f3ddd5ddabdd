import { refuse, ok, type Result } from "@keygrove/base"
import type { KeyEntry, KeyId } from "@keygrove/keys"
import type { PreloadedRecords } from "./preloaded-records.ts"
import type { RecordChange, VaultRecords } from "./vault-records.ts"

/** The public sides of keys, and what their backends gave to be kept. */
export interface KeyRecords {
  find(id: KeyId): Result<KeyEntry, "KEY_UNKNOWN" | "KEY_RECORD_INVALID">
  /** In the order of their ids; fewer than `limit` when they are long, none only at the end. */
  list(after: KeyId | undefined, limit: number): Result<readonly KeyEntry[], "KEY_RECORD_INVALID">
  /** Stores the public side and what changed with it; all or nothing. */
  put(entry: KeyEntry, change?: RecordChange): void
  /** What the backend gave to be kept for a version. */
  handle(entry: KeyEntry, version: number): Uint8Array
}

/** Records on the disk and records of preloaded keys as one: an id is in one of them. */
export class AllKeyRecords implements KeyRecords {
  readonly #stored: VaultRecords
  readonly #preloaded: PreloadedRecords

  constructor(stored: VaultRecords, preloaded: PreloadedRecords) {
    this.#stored = stored
    this.#preloaded = preloaded
  }

  find(id: KeyId): Result<KeyEntry, "KEY_UNKNOWN" | "KEY_RECORD_INVALID"> {
    const preloaded = this.#preloaded.find(id)
    if (preloaded !== undefined) return ok(preloaded)
    const stored = this.#stored.find(id)
    // Nobody writes such a record; one that is there came from elsewhere, and its secret did not.
    return stored.ok && stored.value.backend === "preload" ? refuse("KEY_RECORD_INVALID", `a preloaded key ${id} is on the disk`) : stored
  }

  list(after: KeyId | undefined, limit: number): Result<readonly KeyEntry[], "KEY_RECORD_INVALID"> {
    const stored = this.#stored.list(after, limit)
    const preloaded = this.#preloaded.list(after, limit)
    if (!stored.ok || preloaded.length === 0) return stored
    // Either slice may have been cut by its size: beyond the end of one nothing is known of it.
    const ends = [stored.value.at(-1)?.id, preloaded.at(-1)?.id].filter((id) => id !== undefined)
    const entries = [...stored.value, ...preloaded].filter(({ id }) => ends.every((end) => id <= end))
    return ok(entries.toSorted((a, b) => (a.id < b.id ? -1 : 1)).slice(0, limit))
  }

  put(entry: KeyEntry, change: RecordChange = {}): void {
    if (entry.backend === "preload") this.#preloaded.put(entry)
    else this.#stored.put(entry, change)
  }

  handle(entry: KeyEntry, version: number): Uint8Array {
    return entry.backend === "preload" ? new Uint8Array(0) : this.#stored.handle(entry, version)
  }
}
