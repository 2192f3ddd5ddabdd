import { expect, test } from "vitest"
import { decodeKeyGeneration, decodePieceIndex, majorityOf, MAX_CUSTODY_MEMBERS, MAX_KEY_GENERATION } from "./numbers.ts"

test.each([0, -1, 1.5, 256, Number.NaN, "1", undefined])("%s is no index of a piece", (value) => {
  expect(decodePieceIndex(value)).toMatchObject({ ok: false, code: "PIECE_INDEX_INVALID" })
})

test.each([0, 1.5, MAX_KEY_GENERATION + 1, "1"])("%s is no key generation", (value) => {
  expect(decodeKeyGeneration(value)).toMatchObject({ ok: false, code: "KEY_GENERATION_INVALID" })
})

test("the first and the last are taken", () => {
  expect([1, MAX_CUSTODY_MEMBERS].map(decodePieceIndex)).toMatchObject([{ ok: true }, { ok: true }])
  expect([1, MAX_KEY_GENERATION].map(decodeKeyGeneration)).toMatchObject([{ ok: true }, { ok: true }])
})

test("two majorities of any number always have a member in common", () => {
  for (let members = 1; members <= MAX_CUSTODY_MEMBERS; members++) {
    expect(2 * majorityOf(members)).toBeGreaterThan(members)
    expect(2 * (majorityOf(members) - 1)).toBeLessThanOrEqual(members)
  }
})
