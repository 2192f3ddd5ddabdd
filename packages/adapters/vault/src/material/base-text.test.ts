import fc from "fast-check"
import { describe, expect, test } from "vitest"
import type { Secret } from "@keygrove/base"
import { ANY_BASE64, decodeBase64, decodeHex, JOSE_BASE64, PEM_BASE64, type Base64Rules } from "./base-text.ts"

const open = (secret: Secret | undefined): Buffer | undefined => secret?.expose((bytes) => Buffer.from(Uint8Array.from(bytes)))
const base64 = (text: string, rules: Base64Rules): Buffer | undefined => open(decodeBase64(Buffer.from(text, "latin1"), rules))
const hex = (text: string): Buffer | undefined => open(decodeHex(Buffer.from(text, "latin1")))

describe("base64 in bytes", () => {
  // RFC 4648 §10; the empty one is no secret.
  test.each([
    ["Zg==", "f"],
    ["Zm8=", "fo"],
    ["Zm9v", "foo"],
    ["Zm9vYg==", "foob"],
    ["Zm9vYmE=", "fooba"],
    ["Zm9vYmFy", "foobar"],
  ])("%s is %s", (text, expected) => {
    expect(base64(text, PEM_BASE64)?.toString()).toBe(expected)
    expect(base64(text.replaceAll("=", ""), JOSE_BASE64)?.toString()).toBe(expected)
    expect(base64(text, ANY_BASE64)?.toString()).toBe(expected)
  })

  test.each(["", "=", "====", "A", "A===", "Zh==", "Zm9=", "Zg=", "Zg===", "Zm9v=", "Zg==Zg==", "Z=g=", "Zm9v*", "Zm\u00009v", "é+/A"])(
    "refuses %j",
    (text) => {
      for (const rules of [ANY_BASE64, PEM_BASE64, JOSE_BASE64]) expect(base64(text, rules)).toBeUndefined()
    },
  )

  test("each rule refuses what is the others'", () => {
    expect(base64("+/+/", JOSE_BASE64)).toBeUndefined()
    expect(base64("-_-_", PEM_BASE64)).toBeUndefined()
    expect(base64("+/-_", ANY_BASE64)).toBeUndefined()
    expect(base64("Zg==", JOSE_BASE64)).toBeUndefined()
    expect(base64("Zg", PEM_BASE64)).toBeUndefined()
    expect(base64("Zm\n9v", ANY_BASE64)).toBeUndefined()
    expect(base64("Zm\n9v\r\n", PEM_BASE64)?.toString()).toBe("foo")
  })

  test("decodes what Node encodes", () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 1, maxLength: 100 }), (bytes) => {
        const buffer = Buffer.from(bytes)
        expect(base64(buffer.toString("base64"), PEM_BASE64)).toEqual(buffer)
        expect(base64(buffer.toString("base64url"), JOSE_BASE64)).toEqual(buffer)
        expect(hex(buffer.toString("hex"))).toEqual(buffer)
        expect(hex(`0x${buffer.toString("hex").toUpperCase()}`)).toEqual(buffer)
      }),
    )
  })

  test("accepts no text but the one that Node would write", () => {
    fc.assert(
      fc.property(fc.string({ unit: fc.constantFrom(..."ABCZaz019+/-_=\n"), maxLength: 12 }), (text) => {
        const decoded = base64(text, ANY_BASE64)
        if (decoded === undefined) return
        const bare = text.replaceAll("=", "")
        expect([decoded.toString("base64url"), decoded.toString("base64").replaceAll("=", "")]).toContain(bare)
      }),
      { numRuns: 2_000 },
    )
  })
})

test("hex has every byte as a digit or refuses it", () => {
  for (let byte = 0; byte < 256; byte++) {
    const text = String.fromCharCode(byte)
    const digit = /^[0-9a-fA-F]$/.test(text)
    expect(hex(`${text}1`), text).toEqual(digit ? Buffer.from(`${text}1`, "hex") : undefined)
  }
  for (const text of ["", "0x", "0", "0x1", "123"]) expect(hex(text)).toBeUndefined()
})
