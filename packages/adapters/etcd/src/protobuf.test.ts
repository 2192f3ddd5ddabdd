import { concatBytes, utf8 } from "@keygrove/base"
import * as fc from "fast-check"
import { describe, expect, test } from "vitest"
import { decodeStatus, decodeToken, decodeTransactionAnswer, decodeWatchAnswer } from "./messages.ts"
import { bytesField, integerField, readFields } from "./protobuf.ts"

describe("the encoding of protocol buffers", () => {
  test("is that of its specification", () => {
    // Protocol Buffers documentation, "Encoding": field 1 = 150, and field 2 = "testing".
    expect(Buffer.from(integerField(1, 150)).toString("hex")).toBe("089601")
    expect(Buffer.from(bytesField(2, utf8("testing"))).toString("hex")).toBe("120774657374696e67")
  })

  test("gives back what was written", () => {
    const field = fc.integer({ min: 1, max: 2 ** 29 - 1 })
    fc.assert(
      fc.property(field, field, fc.maxSafeNat(), fc.uint8Array(), (a, b, integer, bytes) => {
        const fields = readFields(concatBytes(integerField(a, integer), bytesField(b, bytes)))
        expect(fields?.get(b)?.at(-1)).toEqual(bytes)
        if (integer !== 0) expect(fields?.get(a)?.[0]).toBe(BigInt(integer))
      }),
    )
  })

  test("keeps integers of 64 bits, and skips fields of fixed width", () => {
    const all = readFields(Uint8Array.of(8, ...Array.from({ length: 9 }, () => 255), 1))
    expect(all?.get(1)).toEqual([2n ** 64n - 1n])
    expect(readFields(Uint8Array.of(0x0d, 1, 2, 3, 4, 0x11, 1, 2, 3, 4, 5, 6, 7, 8, 0x18, 5))?.get(3)).toEqual([5n])
  })

  test.each([
    ["a tag alone", [8]],
    ["a varint of eleven bytes", [8, ...Array.from({ length: 10 }, () => 255), 1]],
    ["a length beyond the end", [10, 5, 1]],
    ["a huge length", [10, 255, 255, 255, 255, 255, 255, 255, 255, 127]],
    ["field 0", [0, 1]],
    ["a group", [11]],
    ["a fixed field that ends early", [13, 1]],
  ])("refuses %s", (_name, bytes) => {
    expect(readFields(Uint8Array.from(bytes))).toBeUndefined()
  })

  test("is read from any bytes without an exception", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        for (const decode of [readFields, decodeTransactionAnswer, decodeWatchAnswer, decodeStatus, decodeToken]) decode(bytes)
      }),
      { numRuns: 2_000 },
    )
  })

  test("gives no token that is not one for a header", () => {
    expect(decodeToken(bytesField(2, utf8("abc.12")))).toBe("abc.12")
    expect(decodeToken(bytesField(2, utf8("a\r\nb: c")))).toBeUndefined()
    expect(decodeToken(bytesField(2, utf8("x".repeat(5_000))))).toBeUndefined()
    expect(decodeToken(new Uint8Array(0))).toBeUndefined()
  })
})
