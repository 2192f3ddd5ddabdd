import { unwrap } from "@keygrove/base"
import { decodeTimestamp } from "@keygrove/hierarchy"
import fc from "fast-check"
import * as v from "valibot"
import { describe, expect, test } from "vitest"
import type { KeyEntry } from "./key-entry.ts"
import { decodeKeyId } from "./key-id.ts"
import type { KeyType } from "./key-type.ts"
import {
  checkOperatorValue,
  decodeOperatorName,
  MAX_OPERATOR_INTEGER,
  operatorSettingShape,
  suitsOperator,
  type OperatorOutput,
  type OperatorSpec,
} from "./operator.ts"

const name = unwrap(decodeOperatorName("totp"))
const spec = (output: OperatorOutput, keys: readonly string[] = ["*"]): OperatorSpec => ({ name, output, types: ["aes256"], keys })
const setting = { ...spec({ kind: "integer", max: 999_999 }), module: "/etc/totp.mjs", sha256: "0".repeat(64) }

function entry(id: string, type: KeyType = "aes256"): KeyEntry {
  const versions = [{ version: 1, state: "enabled", createdAt: unwrap(decodeTimestamp(1)), publicKey: new Uint8Array(0) }] as const
  return { id: unwrap(decodeKeyId(id)), type, backend: "sealed", source: "generated", exportable: false, rules: {}, versions }
}

describe("the settings of an operator", () => {
  const accepts = (value: unknown): boolean => v.safeParse(operatorSettingShape, value).success

  test("are accepted with outputs that can hold no secret", () => {
    for (const output of [
      { kind: "boolean" },
      { kind: "integer", max: MAX_OPERATOR_INTEGER },
      { kind: "choice", names: ["yes", "no"] },
      { kind: "choice", names: Array.from({ length: 256 }, (_, index) => `n${index}`) },
      { kind: "digest" },
    ])
      expect(accepts({ ...setting, output })).toBe(true)
  })

  test.each<[string, unknown]>([
    ["a number that holds more", { output: { kind: "integer", max: MAX_OPERATOR_INTEGER + 1 } }],
    ["a number of a fraction", { output: { kind: "integer", max: 0.5 } }],
    ["text", { output: { kind: "string" } }],
    ["bytes", { output: { kind: "bytes", length: 32 } }],
    ["one name only", { output: { kind: "choice", names: ["yes"] } }],
    ["a name twice", { output: { kind: "choice", names: ["yes", "yes"] } }],
    ["257 names", { output: { kind: "choice", names: Array.from({ length: 257 }, (_, index) => `n${index}`) } }],
    ["a field too many", { output: { kind: "boolean", max: 1 } }],
    ["no keys", { keys: [] }],
    ["a pattern in the middle", { keys: ["a/*/b"] }],
    ["another name", { name: "TOTP" }],
    ["a digest of another length", { sha256: "00" }],
    ["a digest in capitals", { sha256: "A".repeat(64) }],
    ["no types", { types: [] }],
    ["a type that there is not", { types: ["rsa"] }],
    ["no end", { timeoutMs: 1_000_000 }],
    ["a rate of its own", { perMinute: 0 }],
    ["something else", { exportable: true }],
  ])("are refused with %s", (_what, change) => expect(accepts(Object.assign({ ...setting }, change))).toBe(false))
})

describe("what an operator returns", () => {
  const outputs: readonly OperatorOutput[] = [
    { kind: "boolean" },
    { kind: "integer", max: 9 },
    { kind: "choice", names: ["left", "right"] },
    { kind: "digest" },
  ]

  test("leaves when it is what was said, as it is", () => {
    expect(checkOperatorValue(spec({ kind: "boolean" }), false)).toEqual({ ok: true, value: false })
    expect(checkOperatorValue(spec({ kind: "integer", max: 9 }), 9)).toEqual({ ok: true, value: 9 })
    expect(checkOperatorValue(spec({ kind: "integer", max: 9 }), -0)).toEqual({ ok: true, value: 0 })
    expect(checkOperatorValue(spec({ kind: "choice", names: ["left", "right"] }), "right")).toEqual({ ok: true, value: "right" })
  })

  test("is one of as many values as the output has, whatever it is; and never told otherwise", () => {
    const anything = fc.oneof(fc.anything(), fc.integer({ min: -20, max: 20 }), fc.double(), fc.constantFrom("left", "right", true, false))
    fc.assert(
      fc.property(anything, fc.constantFrom(...outputs), (value, output) => {
        const checked = checkOperatorValue(spec(output), value)
        if (checked.ok)
          expect([true, false, "left", "right", 0, 1, 2, 3, 4, 5, 6, 7, 8, 9].some((each) => Object.is(each, checked.value))).toBe(true)
        else expect(checked.message).toMatch(/^the operator totp returned something else than [a-z0-9 ]+; it is not told$/)
      }),
      { numRuns: 2_000 },
    )
  })
})

test("an operator works on the keys that it is registered for", () => {
  const suits = (keys: readonly string[], id: string, type?: KeyType): boolean =>
    suitsOperator(spec({ kind: "boolean" }, keys), entry(id, type)).ok
  expect(suits(["*"], "anything")).toBe(true)
  expect(suits(["*"], "anything", "ed25519")).toBe(false)
  expect(suits(["a"], "a")).toBe(true)
  expect(suits(["a"], "a/b")).toBe(false)
  expect(suits(["a/*"], "a/b/c")).toBe(true)
  expect(suits(["a/*"], "a")).toBe(false)
  expect(suits(["a/*"], "ab")).toBe(false)
  expect(suits(["b", "a/*"], "a/b")).toBe(true)
})
