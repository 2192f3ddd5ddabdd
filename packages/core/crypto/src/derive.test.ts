import { Secret, toHex } from "@keygrove/base"
import { expand, extract } from "@noble/hashes/hkdf.js"
import { sha256 } from "@noble/hashes/sha2.js"
import { expect, test } from "vitest"
import { deriveKey, deriveScalar, encodeInfo } from "./derive.ts"
import type { Primitives } from "./primitives.ts"

const hkdf: Primitives["hkdf"] = (secret, info, length) =>
  Secret.take(secret.expose((bytes) => expand(sha256, extract(sha256, bytes), info, length)))

/** A curve that accepts only the candidates after the first `rejected`. */
function pickyCurve(rejected: number): Pick<Primitives["curve"], "isScalar"> & { seen: number } {
  const curve = { seen: 0, isScalar: (): boolean => ++curve.seen > rejected }
  return curve
}

test("info frames its parts, so that no two lists collide", () => {
  expect(toHex(encodeInfo(["ab", "c"]))).not.toBe(toHex(encodeInfo(["a", "bc"])))
  expect(toHex(encodeInfo(["keygrove/v1/epoch", 1]))).toBe("82716b657967726f76652f76312f65706f636801")
})

test("a key depends on every part of its info", () => {
  using secret = Secret.take(new Uint8Array(32).fill(1))
  const keys = [["a"], ["b"], ["a", 1], ["a", 2]] as const
  const derived = keys.map((info) => {
    using key = deriveKey({ hkdf }, secret, info, 32)
    return key.expose(toHex)
  })
  expect(new Set(derived).size).toBe(keys.length)
})

test("a scalar is the first candidate that is one", () => {
  using secret = Secret.take(new Uint8Array(32).fill(1))
  for (const rejected of [0, 1, 3]) {
    const curve = pickyCurve(rejected)
    using scalar = deriveScalar({ hkdf, curve }, secret, ["keygrove/v1/encryption"])
    using expected = deriveKey({ hkdf }, secret, ["keygrove/v1/encryption", rejected], 32)
    expect(scalar.equals(expected)).toBe(true)
  }
})

test("a curve that accepts nothing ends the search", () => {
  using secret = Secret.take(new Uint8Array(32).fill(1))
  const curve = pickyCurve(Number.POSITIVE_INFINITY)
  expect(() => deriveScalar({ hkdf, curve }, secret, ["x"])).toThrow(RangeError)
})
