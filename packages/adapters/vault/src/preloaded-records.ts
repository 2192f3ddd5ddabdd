import type { KeyEntry, KeyId } from "@keygrove/keys"

/** Preloaded keys at once; the configuration names at most 1,000. */
export const MAX_PRELOADED_KEYS = 1_000
/** Keys in one slice, so that with the longest rules it takes less than half of a frame's MiB. */
const MAX_SLICE_KEYS = 50

/** Public sides of keys that the settings name, in memory only: nothing of them is ever on the disk. */
export class PreloadedRecords {
  readonly #entries: Map<KeyId, KeyEntry> = new Map()

  get isFull(): boolean {
    return this.#entries.size >= MAX_PRELOADED_KEYS
  }

  find(id: KeyId): KeyEntry | undefined {
    return this.#entries.get(id)
  }

  /** In the order of their ids. */
  list(after: KeyId | undefined, limit: number): readonly KeyEntry[] {
    return [...this.#entries.values()]
      .filter(({ id }) => after === undefined || id > after)
      .toSorted((a, b) => (a.id < b.id ? -1 : 1))
      .slice(0, Math.min(limit, MAX_SLICE_KEYS))
  }

  put(entry: KeyEntry): void {
    this.#entries.set(entry.id, entry)
  }
}
