import { encode, rfc8949EncodeOptions } from "cborg"
import fc from "fast-check"
import { describe, expect, test } from "vitest"
import { fromHex, toHex } from "./bytes.ts"
import { decodeCanonical, encodeCanonical, type CborValue } from "./cbor.ts"
import { unwrap } from "./result.ts"

const hex = (text: string): Uint8Array => unwrap(fromHex(text))

// RFC 8949 appendix A: those of its examples that are in our subset.
const VECTORS: readonly (readonly [CborValue, string])[] = [
  [0, "00"],
  [1, "01"],
  [10, "0a"],
  [23, "17"],
  [24, "1818"],
  [25, "1819"],
  [100, "1864"],
  [1000, "1903e8"],
  [1_000_000, "1a000f4240"],
  [1_000_000_000_000, "1b000000e8d4a51000"],
  [-1, "20"],
  [-10, "29"],
  [-100, "3863"],
  [-1000, "3903e7"],
  [false, "f4"],
  [true, "f5"],
  [null, "f6"],
  [new Uint8Array(0), "40"],
  [hex("01020304"), "4401020304"],
  ["", "60"],
  ["a", "6161"],
  ["IETF", "6449455446"],
  ['"\\', "62225c"],
  ["ü", "62c3bc"],
  ["水", "63e6b0b4"],
  ["𐅑", "64f0908591"],
  [[], "80"],
  [[1, 2, 3], "83010203"],
  [[1, [2, 3], [4, 5]], "8301820203820405"],
  [{}, "a0"],
  [{ a: 1, b: [2, 3] }, "a26161016162820203"],
  [["a", { b: "c" }], "826161a161626163"],
  [{ a: "A", b: "B", c: "C", d: "D", e: "E" }, "a56161614161626142616361436164614461656145"],
]

const NEGATIVES: readonly (readonly [string, string])[] = [
  ["nothing", ""],
  ["trailing bytes", "0000"],
  ["non-minimal integer", "1817"],
  ["non-minimal length", "580100"],
  ["a float", "f93c00"],
  ["a double", "fb3ff199999999999a"],
  ["NaN", "f97e00"],
  ["undefined", "f7"],
  ["a tag", "c11a514b67b0"],
  ["a bignum", "c249010000000000000000"],
  ["an integer beyond 2^53", "1bffffffffffffffff"],
  ["an indefinite array", "9f01ff"],
  ["an indefinite string", "7f6161ff"],
  ["unsorted keys", "a2616202616101"],
  ["a duplicate key", "a2616101616102"],
  ["an integer key", "a10102"],
  ["a cut array", "8201"],
  ["a length beyond the input", "5affffffff"],
  ["invalid UTF-8", "62c328"],
  ["17 levels", `${"81".repeat(18)}00`],
]

describe("canonical CBOR", () => {
  test.each(VECTORS)("%j", (value, encoded) => {
    expect(toHex(encodeCanonical(value))).toBe(encoded)
    expect(decodeCanonical(hex(encoded), 100)).toEqual({ ok: true, value })
  })

  test.each(NEGATIVES)("refuses %s", (_what, encoded) => {
    expect(decodeCanonical(hex(encoded), 1_000)).toMatchObject({ ok: false, code: "CBOR_INVALID" })
  })

  test("refuses what is too large before it looks", () => {
    expect(decodeCanonical(new Uint8Array(11), 10)).toMatchObject({ ok: false, code: "CBOR_TOO_LARGE" })
  })

  test("encodes no floats, unsafe integers or negative zero", () => {
    for (const value of [1.5, 2 ** 53, Number.NaN, -0]) expect(() => encodeCanonical(value)).toThrow(TypeError)
  })

  test("decodes what it encodes", () => {
    const { value } = fc.letrec<{ value: CborValue }>((tie) => ({
      value: fc.oneof(
        { maxDepth: 4 },
        fc.maxSafeInteger().map((number) => number + 0),
        fc.boolean(),
        fc.constant(null),
        fc.string({ unit: "grapheme" }),
        fc.uint8Array({ maxLength: 40 }),
        fc.array(tie("value"), { maxLength: 4 }),
        fc.dictionary(fc.string(), tie("value"), { maxKeys: 4, noNullPrototype: true }),
      ),
    }))
    fc.assert(
      fc.property(value, (item) => {
        const encoded = encodeCanonical(item)
        const decoded = decodeCanonical(encoded, 1_000_000)
        expect(decoded.ok && toHex(encodeCanonical(decoded.value))).toBe(toHex(encoded))
      }),
    )
  })

  test("orders keys by the bytes of their encodings, as the library does when it is told to", () => {
    const key = fc.string({ unit: "grapheme", maxLength: 30 })
    fc.assert(
      fc.property(fc.dictionary(key, fc.nat(), { maxKeys: 12, noNullPrototype: true }), (map) => {
        expect(toHex(encodeCanonical(map))).toBe(toHex(encode(map, rfc8949EncodeOptions)))
      }),
    )
  })

  test("encodes what is long as what is short, and keeps no piece of either", () => {
    const letter = fc.constantFrom("a", "ü", "水", "𐅑")
    const item = fc.tuple(fc.integer({ min: 0, max: 1_500 }), letter).map(([count, each]) => [each.repeat(count), new Uint8Array(count)])
    fc.assert(
      fc.property(fc.array(item, { maxLength: 4 }), (items) => {
        const encoded = encodeCanonical(items)
        expect(toHex(encoded)).toBe(toHex(encode(items, rfc8949EncodeOptions)))
        const copy = Uint8Array.from(encoded)
        encodeCanonical("z".repeat(100))
        expect(toHex(encoded)).toBe(toHex(copy))
      }),
      { numRuns: 50 },
    )
  })

  test("never throws on any bytes, and accepts only canonical ones", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 60 }), (bytes) => {
        const decoded = decodeCanonical(bytes, 100)
        if (decoded.ok) expect(encodeCanonical(decoded.value)).toEqual(bytes)
      }),
      { numRuns: 2_000 },
    )
  })
})
