import { decode, encode, rfc8949EncodeOptions } from "cborg"
import * as fc from "fast-check"
import { expect, test } from "vitest"
import { fromHex } from "./bytes.ts"
import { decodeCanonical, encodeCanonical, type CborValue } from "./cbor.ts"
import { unwrap } from "./result.ts"

/** The rule itself, slowly: what decodes and encodes to the same bytes. The depth is bounded apart from it. */
function isItsOwnEncoding(bytes: Uint8Array): boolean {
  try {
    const value: unknown = decode(bytes, {
      strict: true,
      allowIndefinite: false,
      allowUndefined: false,
      allowInfinity: false,
      allowNaN: false,
      allowBigInt: false,
      rejectDuplicateMapKeys: true,
    })
    return holdsNoFloat(value) && Buffer.from(encode(value, rfc8949EncodeOptions)).equals(bytes)
  } catch {
    return false
  }
}

function holdsNoFloat(value: unknown): boolean {
  if (typeof value === "number") return Number.isSafeInteger(value) && !Object.is(value, -0)
  if (value === null || typeof value !== "object" || value instanceof Uint8Array) return true
  return Object.values(value).every(holdsNoFloat)
}

const { value: item } = fc.letrec<{ value: CborValue }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 4 },
    fc.oneof(
      fc.maxSafeInteger().map((number) => number + 0),
      fc.nat(300),
      fc.constantFrom(23, 24, 255, 256, 65_535, 65_536, 2 ** 32 - 1, 2 ** 32, -24, -25, 2 ** 53 - 1, 1 - 2 ** 53),
    ),
    fc.boolean(),
    fc.constant(null),
    fc.string({ unit: fc.constantFrom("a", "b", "é", "😀", "z") }),
    fc.uint8Array({ maxLength: 300 }),
    fc.array(tie("value"), { maxLength: 30 }),
    fc.dictionary(fc.string({ maxLength: 30 }), tie("value"), { maxKeys: 6, noNullPrototype: true }),
  ),
}))

const encoded = item.map((value) => Buffer.from(encode(value, rfc8949EncodeOptions)))
const broken = fc
  .tuple(encoded, fc.array(fc.tuple(fc.nat(), fc.constantFrom("flip", "drop", "insert"), fc.nat(255)), { minLength: 1, maxLength: 3 }))
  .map(([bytes, changes]) => {
    let result = [...bytes]
    for (const [at, change, byte] of changes) {
      const index = at % Math.max(1, result.length)
      if (change === "flip") result[index] = byte
      else result = result.toSpliced(index, change === "drop" ? 1 : 0, ...(change === "drop" ? [] : [byte]))
    }
    return Buffer.from(result)
  })

test("what is written is what the library writes, and is read as what it was", () => {
  fc.assert(
    fc.property(item, (value) => {
      const bytes = encodeCanonical(value)
      expect(Buffer.from(encode(value, rfc8949EncodeOptions)).equals(bytes)).toBe(true)
      expect(decodeCanonical(bytes, 1_000_000)).toStrictEqual({ ok: true, value })
      expect(decodeCanonical(Buffer.from(bytes), 1_000_000)).toStrictEqual({ ok: true, value })
    }),
    { numRuns: 5_000 },
  )
})

test("short texts of one length and the same ends are told apart, however often they come", () => {
  const texts = ["axb", "ayb", "axb", "axb", "a".repeat(32), "a".repeat(33), ""]
  for (let round = 0; round < 3; round++) expect(decodeCanonical(encodeCanonical(texts), 1_000)).toEqual({ ok: true, value: texts })
})

test("what is written and what is read of any bytes are plain arrays with memory of their own", () => {
  const written = encodeCanonical({ bytes: new Uint8Array([1, 2, 3]) })
  expect([written.constructor, written.buffer.byteLength]).toEqual([Uint8Array, written.length])
  const [read] = Object.values(unwrap(decodeCanonical(Buffer.from(written), 100)) ?? {})
  expect(read).toStrictEqual(new Uint8Array([1, 2, 3]))
})

test("what was read changes with nothing that was sent, and no key is a prototype", () => {
  const sent = Buffer.from(encodeCanonical({ ["__proto__"]: new Uint8Array([1, 2, 3]) }))
  const read = unwrap(decodeCanonical(sent, 100))
  sent.fill(0)
  expect(Object.entries(read ?? {})).toEqual([["__proto__", new Uint8Array([1, 2, 3])]])
  expect(Object.getPrototypeOf(read)).toBe(Object.prototype)
})

test("what is accepted is what decodes and encodes to the same bytes", () => {
  fc.assert(
    fc.property(fc.oneof(encoded, broken, fc.uint8Array({ maxLength: 40 })), (bytes) => {
      expect(decodeCanonical(bytes, 1_000_000).ok).toBe(isItsOwnEncoding(bytes))
    }),
    { numRuns: 20_000 },
  )
})

test.each([
  ["an integer in two bytes that fits one", "1817"],
  ["an integer in three bytes that fits two", "1900ff"],
  ["an integer in five bytes that fits three", "1a0000ffff"],
  ["an integer in nine bytes that fits five", "1b00000000ffffffff"],
  ["2⁵³", "1b0020000000000000"],
  ["−2⁵³", "3b001fffffffffffff"],
  ["a length in two bytes that fits one", "580100"],
  ["text of indefinite length", "7f6161ff"],
  ["an array of indefinite length", "9fff"],
  ["a map of indefinite length", "bfff"],
  ["a float", "f93c00"],
  ["undefined", "f7"],
  ["a simple value", "e0"],
  ["a simple value in two bytes", "f820"],
  ["a tag", "c000"],
  ["keys out of order", "a2616201616101"],
  ["a longer key before a shorter one", "a262616101616201"],
  ["a key twice", "a2616101616102"],
  ["a key that is no text", "a10101"],
  ["a byte after the end", "0000"],
  ["nothing", ""],
  ["bytes that are cut off", "43aabb"],
  ["a length beyond all memory", "5b001fffffffffffff"],
  ["an array that is cut off", "8201"],
  ["an array longer than all memory", "9b001fffffffffffff"],
  ["a map without its last value", "a16161"],
  ["text that is no UTF-8", "61ff"],
  ["text with a surrogate", "63eda080"],
  ["text longer than it need be", "62c0af"],
])("%s is refused", (_, hex) => {
  expect(decodeCanonical(unwrap(fromHex(hex)), 100)).toMatchObject({ ok: false, code: "CBOR_INVALID" })
})

test("the depth is bounded, and a bomb of brackets does not overflow", () => {
  const nested = (depth: number): Uint8Array => Uint8Array.from([...Array.from({ length: depth }, () => 0x81), 0x00])
  expect(decodeCanonical(nested(16), 100_000).ok).toBe(true)
  expect(decodeCanonical(nested(17), 100_000).ok).toBe(false)
  expect(decodeCanonical(nested(90_000), 100_000).ok).toBe(false)
})
