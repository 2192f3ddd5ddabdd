import fc from "fast-check"
import { expect, test } from "vitest"
import { fromBase64, utf8 } from "./index.ts"

// RFC 4648 §10.
test.each([
  ["", ""],
  ["f", "Zg=="],
  ["fo", "Zm8="],
  ["foo", "Zm9v"],
  ["foob", "Zm9vYg=="],
  ["fooba", "Zm9vYmE="],
  ["foobar", "Zm9vYmFy"],
])("base64 of %j", (text, encoded) => {
  expect(fromBase64(encoded)).toEqual({ ok: true, value: utf8(text) })
})

test("is the inverse of another encoder", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
      expect(fromBase64(Buffer.from(bytes).toString("base64"))).toEqual({ ok: true, value: bytes })
    }),
  )
})

test.each([
  ["Zg"],
  ["Zg="],
  ["Zg==="],
  ["Z==="],
  ["===="],
  ["Zh=="],
  ["Zm9="],
  ["Zm-_"],
  ["Zm9v\n"],
  [" Zm9"],
  ["Zg==Zg=="],
  ["Zm9ü"],
  ["Zm9\u{10000}"],
])("refuses %j", (text) => {
  expect(fromBase64(text)).toMatchObject({ ok: false, code: "BASE64_INVALID" })
})

test("whatever it accepts, it accepts in one form only", () => {
  fc.assert(
    fc.property(fc.base64String({ maxLength: 40 }), fc.nat(40), fc.string({ maxLength: 1 }), (text, at, other) => {
      const changed = text.slice(0, at) + other + text.slice(at + 1)
      const decoded = fromBase64(changed)
      if (decoded.ok) expect(Buffer.from(decoded.value).toString("base64")).toBe(changed)
    }),
  )
})
