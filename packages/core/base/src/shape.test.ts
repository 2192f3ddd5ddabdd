import * as v from "valibot"
import { expect, test } from "vitest"
import { encodeCanonical } from "./cbor.ts"
import { refuse } from "./result.ts"
import { brandShape, bytesShape, bytesWithinShape, decodeShape, integerShape } from "./shape.ts"

const shape = v.strictObject({
  id: bytesShape(2),
  extra: bytesWithinShape(0, 1),
  count: integerShape(1, 3),
  name: brandShape((value) => (value === "a" ? { ok: true, value: "a" } : refuse("NAME_INVALID", "must be a"))),
})
const rules = { shape, maxBytes: 64, code: "TEST_INVALID", noun: "test message" } as const
const good = { id: Uint8Array.of(1, 2), extra: new Uint8Array(0), count: 2, name: "a" }

test("decodes what fits", () => expect(decodeShape(encodeCanonical(good), rules)).toEqual({ ok: true, value: good }))

test.each([
  [{ ...good, id: new Uint8Array(3) }, "test message: id must have 2 bytes"],
  [{ ...good, extra: new Uint8Array(2) }, "test message: extra must have 0 to 1 bytes"],
  [{ ...good, count: 4 }, "test message: count must be <=3"],
  [{ ...good, count: "x".repeat(20) }, "test message: count must be number"],
  [{ ...good, name: "<script>" }, "test message: name must be a"],
])("refuses without quoting what it got", (value, message) => {
  expect(decodeShape(encodeCanonical(value), rules)).toEqual(refuse("TEST_INVALID", message))
})

test("refuses unknown and missing fields, other types and long messages with the one code", () => {
  const { name: _, ...short } = good
  for (const value of [{ ...good, more: 1 }, short, [good], null, 1])
    expect(decodeShape(encodeCanonical(value), rules)).toMatchObject({ code: "TEST_INVALID" })
  expect(decodeShape(new Uint8Array(65), rules)).toMatchObject({ code: "TEST_INVALID" })
})
