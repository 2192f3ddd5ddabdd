import { unwrap } from "@keygrove/base"
import { describe, expect, test } from "vitest"
import { assertStorageKey } from "./storage-limits.ts"
import type { Storage, StorageChange } from "./storage.ts"

/** How a suite gets its storages. */
export interface StorageSubject {
  /** A fresh, empty storage. */
  open(): Promise<Storage>
}

const signal = new AbortController().signal
const call = { signal }
const put = (
  key: string,
  value: StorageChange extends infer C ? (C extends { readonly value: infer V } ? V : never) : never,
): StorageChange => ({
  kind: "put",
  collection: "setting",
  key,
  value,
})

/** The suite that every storage passes. */
export function storageContract(name: string, subject: StorageSubject): void {
  describe(`storage: ${name}`, () => {
    test("keeps, replaces and removes records", async () => {
      await using storage = await subject.open()
      const value = { text: "x", list: [1, true, null], bytes: Uint8Array.of(1, 2, 3) }
      unwrap(await storage.write([put("a", value)], call))
      expect(unwrap(await storage.get("setting", "a", call))).toEqual(value)
      expect(unwrap(await storage.get("label", "a", call))).toBeUndefined()
      unwrap(await storage.write([put("a", 2), { kind: "remove", collection: "setting", key: "absent" }], call))
      expect(unwrap(await storage.get("setting", "a", call))).toBe(2)
      unwrap(await storage.write([{ kind: "remove", collection: "setting", key: "a" }], call))
      expect(unwrap(await storage.get("setting", "a", call))).toBeUndefined()
    })

    test("applies the changes of a write in order", async () => {
      await using storage = await subject.open()
      unwrap(await storage.write([put("a", 1), { kind: "remove", collection: "setting", key: "a" }, put("a", 3)], call))
      expect(unwrap(await storage.get("setting", "a", call))).toBe(3)
    })

    test("lists in the order of the keys' bytes, page by page", async () => {
      await using storage = await subject.open()
      // U+FF5E sorts after U+1F600 in UTF-16 units, before it in bytes.
      const keys = ["b", "a", "ab", "Z", "\u{1f600}", "\uff5e", "a/1"]
      unwrap(
        await storage.write(
          keys.map((key, index) => put(key, index)),
          call,
        ),
      )
      unwrap(await storage.write([{ kind: "put", collection: "receipt", key: "other", value: 1 }], call))
      const expected = keys.toSorted((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)))
      const first = unwrap(await storage.list("setting", { limit: 3 }, call))
      const rest = unwrap(await storage.list("setting", { after: first.at(-1)?.key ?? "", limit: 1000 }, call))
      expect([...first, ...rest].map((record) => record.key)).toEqual(expected)
      expect(first.map((record) => record.value)).toEqual(first.map((record) => keys.indexOf(record.key)))
    })

    test("gives back copies: what callers change later is not stored", async () => {
      await using storage = await subject.open()
      const bytes = Uint8Array.of(1)
      unwrap(await storage.write([put("a", bytes)], call))
      bytes[0] = 9
      expect(unwrap(await storage.get("setting", "a", call))).toEqual(Uint8Array.of(1))
    })

    test("refuses misuse whole: nothing of such a write is stored", async () => {
      await using storage = await subject.open()
      const tooMany = Array.from({ length: 257 }, (_, index) => put(`k${index}`, index))
      const tooLong = [put("a", 1), put("b", new Uint8Array(1_048_577))]
      for (const changes of [
        tooMany,
        tooLong,
        [put("a", 1), put("", 2)],
        [put("a", 1), put("x".repeat(257), 2)],
        [put("a", 1), put("b", 1.5)],
      ]) {
        await expect(storage.write(changes, call)).rejects.toThrow(/at most|has 1 to|safe integers/)
      }
      await expect(storage.list("setting", { limit: 0 }, call)).rejects.toThrow(RangeError)
      await expect(storage.list("setting", { limit: 1001 }, call)).rejects.toThrow(RangeError)
      expect(unwrap(await storage.list("setting", { limit: 10 }, call))).toEqual([])
      expect(() => assertStorageKey("a\0b")).toThrow(RangeError)
    })

    test("honours an aborted signal before it writes", async () => {
      await using storage = await subject.open()
      const aborted = { signal: AbortSignal.abort(new Error("stopped")) }
      await expect(storage.write([put("a", 1)], aborted)).rejects.toThrow("stopped")
      await expect(storage.get("setting", "a", aborted)).rejects.toThrow("stopped")
      expect(unwrap(await storage.get("setting", "a", call))).toBeUndefined()
    })
  })
}
