import { encodeCanonical, unwrap, type CborValue } from "@keygrove/base"
import { decodeLedgerIndex } from "@keygrove/ledger"
import * as fc from "fast-check"
import { describe, expect, test } from "vitest"
import {
  decodeLedgerAnswer,
  decodeLedgerRequest,
  encodeLedgerAnswer,
  encodeLedgerRequest,
  type LedgerAnswer,
  type LedgerRequest,
} from "./ledger-messages.ts"

const index = unwrap(decodeLedgerIndex(7))
const hash = new Uint8Array(32).fill(1)
const entry = Uint8Array.of(1, 2, 3)
const requests: LedgerRequest[] = [
  { op: "head" },
  { op: "read", from: index, limit: 256 },
  { op: "append", expected: { length: index, hash }, entries: [entry] },
  { op: "wait", length: index, timeoutMs: 25_000 },
  { op: "snapshot", length: index },
  { op: "part", length: index, digest: hash, place: 1023 },
]
const answers: LedgerAnswer[] = [
  { kind: "head", head: { length: index, hash } },
  { kind: "slice", from: index, before: hash, entries: [] },
  { kind: "slice", from: index, before: hash, entries: [entry, entry] },
  { kind: "snapshot", head: entry, before: hash },
  { kind: "part", place: 0, bytes: entry },
  { kind: "refused", code: "LEDGER_FULL", message: "full" },
]

test.each(requests)("request $op encodes and decodes", (request) => {
  const { ok, value } = { value: undefined, ...decodeLedgerRequest(encodeLedgerRequest(request)) }
  expect(ok).toBe(true)
  expect(value).toMatchObject(request)
})

test.each(answers)("answer $kind encodes and decodes", (answer) => {
  expect(unwrap(decodeLedgerAnswer(encodeLedgerAnswer(answer)))).toMatchObject(answer)
})

test("a refusal's message is cut and printable", () => {
  const answer = unwrap(
    decodeLedgerAnswer(encodeLedgerAnswer({ kind: "refused", code: "LEDGER_FULL", message: `a\n\u001b[31m${"x".repeat(5000)}` })),
  )
  if (answer.kind !== "refused") throw new TypeError("not a refusal")
  expect(answer.message).toHaveLength(1024)
  expect(answer.message).toMatch(/^a {2}\[31mx+$/)
})

describe("refuses", () => {
  test.each<[string, CborValue]>([
    ["no map", []],
    ["an unknown operation", { v: 1, op: "drop" }],
    ["another version", { v: 2, op: "head" }],
    ["an extra field", { v: 1, op: "head", more: 1 }],
    ["limit 0", { v: 1, op: "read", from: 0, limit: 0 }],
    ["limit 257", { v: 1, op: "read", from: 0, limit: 257 }],
    ["a negative index", { v: 1, op: "read", from: -1, limit: 1 }],
    ["an empty batch", { v: 1, op: "append", expected: { length: 0, hash }, entries: [] }],
    ["65 entries", { v: 1, op: "append", expected: { length: 0, hash }, entries: Array.from({ length: 65 }, () => entry) }],
    ["a long entry", { v: 1, op: "append", expected: { length: 0, hash }, entries: [new Uint8Array(65_537)] }],
    ["a short hash", { v: 1, op: "append", expected: { length: 0, hash: entry }, entries: [entry] }],
    ["a long wait", { v: 1, op: "wait", length: 0, timeoutMs: 25_001 }],
    ["a part that no snapshot has", { v: 1, op: "part", length: 1, digest: hash, place: 1024 }],
    ["a part of a snapshot with a short digest", { v: 1, op: "part", length: 1, digest: entry, place: 0 }],
  ])("a request with %s", (_name, value) => {
    expect(decodeLedgerRequest(encodeCanonical(value))).toMatchObject({ ok: false, code: "LEDGER_REQUEST_INVALID" })
  })

  test("answers with unknown codes or control characters, and any garbage, without throwing", () => {
    const part = { v: 1, kind: "part", place: 0 }
    expect(decodeLedgerAnswer(encodeCanonical({ ...part, bytes: new Uint8Array(524_289) })).ok).toBe(false)
    expect(decodeLedgerAnswer(encodeCanonical({ ...part, bytes: new Uint8Array(0) })).ok).toBe(false)
    expect(decodeLedgerAnswer(encodeCanonical({ v: 1, kind: "snapshot", head: new Uint8Array(641), before: hash })).ok).toBe(false)
    expect(decodeLedgerAnswer(encodeCanonical({ v: 1, kind: "refused", code: "WHATEVER", message: "" })).ok).toBe(false)
    expect(decodeLedgerAnswer(encodeCanonical({ v: 1, kind: "refused", code: "LEDGER_FULL", message: "\u001b" })).ok).toBe(false)
    fc.assert(fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => !decodeLedgerAnswer(bytes).ok && !decodeLedgerRequest(bytes).ok))
  })
})
