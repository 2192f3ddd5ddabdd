import * as fc from "fast-check"
import { describe, expect, test } from "vitest"
import { decodeKeyId, MAX_KEY_ID_LENGTH } from "./key-id.ts"

describe("key ids", () => {
  test.each(["a", "web/tls", "backup-2026", "a/b/c/d/e/f/g/h", "0", "x".repeat(63)])("accepts %s", (id) =>
    expect(decodeKeyId(id)).toEqual({ ok: true, value: id }),
  )

  test.each([
    "",
    "/",
    "/a",
    "a/",
    "a//b",
    ".",
    "..",
    "a/../b",
    "a/./b",
    "A",
    "Web/tls",
    "a_b",
    "a b",
    "a\\b",
    "a%2fb",
    "-a",
    "a-",
    "a/-b",
    "ä",
    "ａ",
    "a\u0000",
    "a\n",
    "x".repeat(64),
    "a/b/c/d/e/f/g/h/i",
    `${"x".repeat(60)}/${"y".repeat(60)}/${"z".repeat(60)}`,
    "x".repeat(1_000_000),
    7,
    null,
    undefined,
    ["a"],
  ])("refuses %j", (id) => expect(decodeKeyId(id)).toMatchObject({ ok: false, code: "KEY_ID_INVALID" }))

  test("a refusal never quotes the id, which may be anything", () => {
    fc.assert(
      fc.property(fc.string({ minLength: 5, maxLength: 50, unit: "binary" }), (id) => {
        const decoded = decodeKeyId(id)
        if (!decoded.ok) expect(decoded.message).not.toContain(id)
      }),
    )
  })

  test("what is accepted has one spelling and no meaning as a path", () => {
    fc.assert(
      fc.property(fc.string({ unit: fc.constantFrom("a", "z", "0", "-", "/", ".", "A", "_", " "), maxLength: 12 }), (id) => {
        if (!decodeKeyId(id).ok) return
        expect(id.toLowerCase()).toBe(id)
        expect(id.normalize("NFKC")).toBe(id)
        expect(new URL(`file:///keys/${id}`).pathname).toBe(`/keys/${id}`)
        expect(id.length).toBeLessThanOrEqual(MAX_KEY_ID_LENGTH)
      }),
      { numRuns: 2_000 },
    )
  })
})
