import { compareBytes, decodeCanonical, ok, refuse, utf8, type CborValue, type Result } from "@keygrove/base"
import {
  assertStorageKey,
  assertStorageLimit,
  encodeStorageChanges,
  MAX_STORAGE_RECORD_BYTES,
  type CallOptions,
  type Storage,
  type StorageChange,
  type StorageCollection,
  type StorageRecord,
  type StorageRefusal,
} from "@keygrove/service"

/** A storage in memory, for tests and simulations. Records are kept encoded, so that what goes in and out is what a disk would give. */
export class MemoryStorage implements Storage {
  readonly #records: Map<StorageCollection, Map<string, Uint8Array>> = new Map()
  #full = false

  /** From now on writes that put something are refused with `DISK_FULL`, or accepted again. */
  setFull(full: boolean): void {
    this.#full = full
  }

  async get(collection: StorageCollection, key: string, { signal }: CallOptions): Promise<Result<CborValue | undefined, StorageRefusal>> {
    signal.throwIfAborted()
    assertStorageKey(key)
    const bytes = this.#records.get(collection)?.get(key)
    return bytes === undefined ? ok(undefined) : decode(bytes)
  }

  async list(
    collection: StorageCollection,
    range: { readonly after?: string; readonly limit: number },
    { signal }: CallOptions,
  ): Promise<Result<readonly StorageRecord[], StorageRefusal>> {
    signal.throwIfAborted()
    assertStorageLimit(range.limit)
    const after = utf8(range.after ?? "")
    const page = [...(this.#records.get(collection) ?? [])]
      .filter(([key]) => compareBytes(utf8(key), after) > 0)
      .toSorted(([a], [b]) => compareBytes(utf8(a), utf8(b)))
      .slice(0, range.limit)
    const records: StorageRecord[] = []
    for (const [key, bytes] of page) {
      const value = decode(bytes)
      if (!value.ok) return value
      records.push({ key, value: value.value })
    }
    return ok(records)
  }

  async write(changes: readonly StorageChange[], { signal }: CallOptions): Promise<Result<true, StorageRefusal>> {
    signal.throwIfAborted()
    const encoded = encodeStorageChanges(changes)
    if (this.#full && changes.some((change) => change.kind === "put")) return refuse("DISK_FULL", "the simulated disk is full")
    for (const [index, change] of changes.entries()) {
      const records = this.#records.get(change.collection) ?? new Map<string, Uint8Array>()
      this.#records.set(change.collection, records)
      const bytes = encoded[index]
      if (bytes === undefined) records.delete(change.key)
      else records.set(change.key, bytes)
    }
    return ok(true)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#records.clear()
  }
}

function decode(bytes: Uint8Array): Result<CborValue, StorageRefusal> {
  const value = decodeCanonical(bytes, MAX_STORAGE_RECORD_BYTES)
  return value.ok ? value : refuse("STORAGE_CORRUPT", value.message)
}
