import { encode, rfc8949EncodeOptions } from "cborg"
import * as fc from "fast-check"
import { expect, test } from "vitest"
import { encodeCanonical } from "./cbor.ts"
import { encodePlainList } from "./plain-list.ts"

const byLibrary = (value: unknown): Uint8Array => new Uint8Array(encode(value, rfc8949EncodeOptions))

test("a list of bytes and plain texts is encoded as the library does", () => {
  const ascii = fc.string({ unit: fc.integer({ min: 0, max: 127 }).map((code) => String.fromCharCode(code)), maxLength: 300 })
  fc.assert(
    fc.property(fc.array(fc.oneof(ascii, fc.uint8Array({ maxLength: 300 })), { maxLength: 30 }), (list) => {
      expect(encodePlainList(list)).toEqual(byLibrary(list))
    }),
  )
})

test.each([0, 23, 24, 255, 256, 65_535, 65_536, 70_000])("so is one with %i bytes, characters and items", (length) => {
  const list = [new Uint8Array(length).fill(7), "a".repeat(length)]
  expect(encodePlainList(list)).toEqual(byLibrary(list))
  const items = Array.from({ length }, () => "")
  expect(encodePlainList(items)).toEqual(byLibrary(items))
})

test("anything else is left to the library", () => {
  for (const list of [[1], [null], [["a"]], ["a", { b: 1 }], ["é"], ["a", "😀"]]) {
    expect(encodePlainList(list)).toBeUndefined()
    expect(encodeCanonical(list)).toEqual(byLibrary(list))
  }
})
