import fc from "fast-check"
import { expect, test } from "vitest"
import { memberOf, scanJsonObject } from "./json-object.ts"

const scan = (text: string): Readonly<Record<string, string | undefined>> | undefined => {
  const members = scanJsonObject(Buffer.from(text))
  const text8 = (bytes: Uint8Array | undefined): string | undefined => (bytes === undefined ? undefined : Buffer.from(bytes).toString())
  return members === undefined ? undefined : Object.fromEntries(members.map(({ name, text: value }) => [text8(name), text8(value)]))
}

test("gives the strings of a flat object, and passes over the rest", () => {
  expect(scan(' { "a" : "b" , "ü":"ü", "c":[1,-0.5e+3,[{}],{"x":null}],"d":true,"e":"\\u0041" }\n')).toEqual({
    a: "b",
    ü: "ü",
    c: undefined,
    d: undefined,
    e: undefined,
  })
  expect(scan("{}")).toEqual({})
  expect(memberOf(scanJsonObject(Buffer.from('{"kty":"oct"}')) ?? [], "kt")).toBeUndefined()
})

test.each([
  "",
  "[]",
  '"a"',
  "{",
  "}",
  "{}}",
  "{},",
  '{"a"}',
  '{"a":}',
  '{"a":1,}',
  "{,}",
  "{a:1}",
  "{'a':1}",
  '{"a":1 "b":2}',
  '{"a":01}',
  '{"a":+1}',
  '{"a":.5}',
  '{"a":1.}',
  '{"a":1e}',
  '{"a":NaN}',
  '{"a":tru}',
  '{"a":"\n"}',
  '{"a":"\\x"}',
  '{"a":"\\u12"}',
  '{"a":"',
  '{"a":"b\\"}',
  '{"a":[1,]}',
  '{"a":[1}',
  '{"a":1,"a":2}',
  '{"\\u0061":1}',
  '{"a":1}x',
  "\uFEFF{}",
])("refuses %j", (text) => expect(scan(text)).toBeUndefined())

test("has limits", () => {
  const many = (count: number): string => `{${Array.from({ length: count }, (_, index) => `"${index}":0`).join(",")}}`
  const deep = (levels: number): string => `{"a":${"[".repeat(levels)}${"]".repeat(levels)}}`
  expect(scan(many(64))).toBeDefined()
  expect(scan(many(65))).toBeUndefined()
  expect(scan(deep(8))).toBeDefined()
  expect(scan(deep(9))).toBeUndefined()
})

test("accepts what JSON.parse accepts, but for its own stricter rules", () => {
  const scalar = fc.oneof(fc.string(), fc.double({ noNaN: true, noDefaultInfinity: true }), fc.boolean(), fc.constant(null))
  const value = fc.oneof(scalar, fc.array(scalar, { maxLength: 3 }), fc.record({ x: scalar, y: fc.array(scalar, { maxLength: 2 }) }))
  fc.assert(
    fc.property(fc.dictionary(fc.string({ unit: fc.constantFrom(..."abcxyz"), minLength: 1 }), value, { maxKeys: 8 }), (object) => {
      const expected = Object.entries(object).map(([name, member]) => [name, isPlain(member) ? member : undefined])
      expect(scan(JSON.stringify(object, undefined, 1))).toEqual(Object.fromEntries(expected))
    }),
  )
  fc.assert(
    fc.property(fc.string({ unit: fc.constantFrom(...'{}[]":,\\ 01.eE+-tnulrfasx'), maxLength: 16 }), (text) => {
      const whole = `{"a":${text}}`
      if (scan(whole) === undefined) return
      expect(() => JSON.parse(whole)).not.toThrow()
    }),
    { numRuns: 5_000 },
  )
})

/** Whether JSON.stringify writes it as a string without escapes. */
function isPlain(member: unknown): boolean {
  return typeof member === "string" && JSON.stringify(member).slice(1, -1) === member
}
