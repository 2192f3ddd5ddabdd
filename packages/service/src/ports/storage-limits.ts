import { encodeCanonical } from "@keygrove/base"
import type { StorageChange } from "./storage.ts"

/** Most changes of one write. */
export const MAX_STORAGE_CHANGES = 256
/** Longest encoded record in bytes. */
export const MAX_STORAGE_RECORD_BYTES = 1_048_576
/** Longest key in bytes of UTF-8. */
export const MAX_STORAGE_KEY_BYTES = 256
/** Most records of one list. */
export const MAX_STORAGE_LIST = 1000

/** The encoded record of each change, `undefined` for removals. Every storage checks with it. @throws RangeError over a limit of the port. */
export function encodeStorageChanges(changes: readonly StorageChange[]): readonly (Uint8Array | undefined)[] {
  if (changes.length > MAX_STORAGE_CHANGES)
    throw new RangeError(`a write has at most ${MAX_STORAGE_CHANGES} changes, got ${changes.length}`)
  return changes.map((change) => {
    assertStorageKey(change.key)
    if (change.kind === "remove") return undefined
    const bytes = encodeCanonical(change.value)
    if (bytes.length > MAX_STORAGE_RECORD_BYTES)
      throw new RangeError(`a record has at most ${MAX_STORAGE_RECORD_BYTES} bytes, got ${bytes.length}`)
    return bytes
  })
}

/** @throws RangeError when the key is empty or too long, or holds NUL, where SQLite's text functions would cut it. */
export function assertStorageKey(key: string): void {
  const length = Buffer.byteLength(key)
  if (length < 1 || length > MAX_STORAGE_KEY_BYTES || key.includes("\0"))
    throw new RangeError(`a storage key has 1 to ${MAX_STORAGE_KEY_BYTES} bytes without NUL, got ${length}`)
}

/** @throws RangeError when a list asks for none or too many records. */
export function assertStorageLimit(limit: number): void {
  if (!Number.isSafeInteger(limit) || limit < 1 || limit > MAX_STORAGE_LIST)
    throw new RangeError(`a list has 1 to ${MAX_STORAGE_LIST} records, got ${limit}`)
}
