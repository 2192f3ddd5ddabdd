import { concatBytes, unwrap } from "@keygrove/base"
import { encodeTpmEccKey, MemoryTpm, seededRandom } from "@keygrove/memory"
import { p256 } from "@noble/curves/nist.js"
import { describe, expect, test } from "vitest"
import { decodeTpmAttestationKey } from "./attestation-key.ts"

const point = p256.Point.fromBytes(new MemoryTpm(seededRandom("keys")).makeKey()).toBytes(false)
const good = encodeTpmEccKey(point)
/** Attributes of the good key. */
const ATTRIBUTES = 0x0005_0472
/** RSASSA-2048 with SHA-256, as a TPM writes it. */
const rsa = concatBytes(
  Uint8Array.from(Buffer.from("0001000b00050072000000100014000b0800000000000100", "hex")),
  new Uint8Array(256).fill(0xc5),
)

function replaced(bytes: Uint8Array, at: number, ...values: readonly number[]): Uint8Array {
  const copy = Uint8Array.from(bytes)
  copy.set(values, at)
  return copy
}

test("an attestation key is taken as it is", () => {
  expect(unwrap(decodeTpmAttestationKey(good))).toEqual({ publicArea: good, key: { type: "p256", point } })
  const decoded = unwrap(decodeTpmAttestationKey(rsa))
  expect(decoded.key).toEqual({ type: "rsa-2048", modulus: rsa.subarray(-256), exponent: 65_537 })
  const withExponent = replaced(rsa, 18, 0, 1, 0, 1)
  expect(unwrap(decodeTpmAttestationKey(withExponent)).key).toEqual(decoded.key)
})

describe("attributes", () => {
  test.each([
    ["fixedTPM", 1],
    ["fixedParent", 4],
    ["sensitiveDataOrigin", 5],
    ["restricted", 16],
    ["sign", 18],
  ])("without %s make no attestation key", (_, bit) => {
    expect(decodeTpmAttestationKey(encodeTpmEccKey(point, ATTRIBUTES & ~(1 << bit)))).toMatchObject({ code: "TPM_KEY_ATTRIBUTES" })
  })

  test.each([0, 3, 8, 9, 11, 12, 13, 14, 15, 17, 19, 20, 31])("with bit %i make another kind of key", (bit) => {
    expect(decodeTpmAttestationKey(encodeTpmEccKey(point, (ATTRIBUTES | (1 << bit)) >>> 0))).toMatchObject({
      code: "TPM_KEY_ATTRIBUTES",
      data: { required: "0x00050032" },
    })
  })

  test.each([2, 6, 7, 10])("may have bit %i or not", (bit) => {
    for (const attributes of [0x0005_0032 | (1 << bit), 0x0005_0032])
      expect(decodeTpmAttestationKey(encodeTpmEccKey(point, attributes)).ok).toBe(true)
  })
})

test.each<[string, Uint8Array, string]>([
  ["nothing", new Uint8Array(0), "TPM_KEY_INVALID"],
  ["more than any", new Uint8Array(601), "TPM_KEY_INVALID"],
  ["something behind it", concatBytes(good, Uint8Array.of(0)), "TPM_KEY_INVALID"],
  ["a key for HMAC", replaced(good, 0, 0, 8), "TPM_KEY_ALGORITHM"],
  ["names by SHA-1", replaced(good, 2, 0, 4), "TPM_KEY_ALGORITHM"],
  ["half a policy", concatBytes(good.subarray(0, 8), Uint8Array.of(0, 16), new Uint8Array(16), good.subarray(10)), "TPM_KEY_INVALID"],
  ["a cipher for children", replaced(good, 10, 0, 6), "TPM_KEY_ALGORITHM"],
  ["no scheme", replaced(good, 12, 0, 0x10), "TPM_KEY_ALGORITHM"],
  ["ECDAA", replaced(good, 12, 0, 0x1a), "TPM_KEY_ALGORITHM"],
  ["SHA-1", replaced(good, 14, 0, 4), "TPM_KEY_ALGORITHM"],
  ["a hash that nobody knows", replaced(good, 14, 0x77, 0x77), "TPM_KEY_ALGORITHM"],
  ["the curve P-384", replaced(good, 16, 0, 4), "TPM_KEY_ALGORITHM"],
  ["a derivation", replaced(good, 18, 0, 0x20), "TPM_KEY_ALGORITHM"],
  ["a coordinate of 31 bytes", replaced(good, 20, 0, 31), "TPM_KEY_INVALID"],
  ["a coordinate of 33 bytes", replaced(good, 20, 0, 33), "TPM_KEY_INVALID"],
  ["1,024 bits", replaced(rsa, 16, 4, 0), "TPM_KEY_ALGORITHM"],
  ["the exponent 3", replaced(rsa, 18, 0, 0, 0, 3), "TPM_KEY_ALGORITHM"],
  ["the scheme PSS", replaced(rsa, 12, 0, 0x16), "TPM_KEY_ALGORITHM"],
  ["a short modulus", replaced(rsa, 24, 0x45), "TPM_KEY_INVALID"],
])("a public area with %s is refused", (_, bytes, code) => {
  expect(decodeTpmAttestationKey(bytes)).toMatchObject({ ok: false, code })
})

test("a public area that ends anywhere is refused", () => {
  for (const whole of [good, rsa])
    for (let length = 0; length < whole.length; length++)
      expect(decodeTpmAttestationKey(whole.subarray(0, length))).toMatchObject({ code: "TPM_KEY_INVALID" })
})
