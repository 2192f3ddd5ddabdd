import { generateKeyPairSync, sign } from "node:crypto"
import type { DeviceKey } from "@keygrove/crypto"
import { expect, test } from "vitest"
import { hex, wycheproof } from "../../../core/crypto/src/wycheproof.contract.ts"
import { verifyDeviceSignature } from "./device-signature.ts"

test("ECDSA over P-256 judges Wycheproof's cases as they are", () => {
  let cases = 0
  for (const group of wycheproof("ecdsa_secp256r1_sha256_p1363")) {
    const point = uncompressed(group)
    for (const { msg, result, sig, tcId } of group.tests) {
      expect(verifyDeviceSignature({ type: "p256", point }, hex(msg), hex(sig)), `tcId ${tcId}`).toBe(result === "valid")
      cases++
    }
  }
  expect(cases).toBeGreaterThan(200)
})

test("RSASSA of 2,048 bits holds for its key and message alone", () => {
  const { key, signed } = rsaKey(2_048)
  const message = new TextEncoder().encode("a quote")
  const signature = signed(message)
  expect(verifyDeviceSignature(key, message, signature)).toBe(true)
  expect(verifyDeviceSignature(key, new Uint8Array(7), signature)).toBe(false)
  expect(verifyDeviceSignature(rsaKey(2_048).key, message, signature)).toBe(false)
  for (const at of [0, 100, 255]) {
    const changed = Uint8Array.from(signature)
    changed[at] = (changed[at] ?? 0) ^ 1
    expect(verifyDeviceSignature(key, message, changed)).toBe(false)
  }
  for (const wrong of [signature.subarray(1), new Uint8Array(0), Uint8Array.of(0, ...signature)])
    expect(verifyDeviceSignature(key, message, wrong)).toBe(false)
  const longer = rsaKey(3_072)
  expect(verifyDeviceSignature(longer.key, message, longer.signed(message))).toBe(false)
})

test("what is no key verifies nothing", () => {
  const message = new Uint8Array(3)
  for (const point of [
    new Uint8Array(65),
    new Uint8Array(33),
    Uint8Array.of(4, ...new Uint8Array(64).fill(1)),
    Uint8Array.of(2, ...new Uint8Array(64)),
  ])
    expect(verifyDeviceSignature({ type: "p256", point }, message, new Uint8Array(64).fill(1))).toBe(false)
  for (const modulus of [new Uint8Array(256), new Uint8Array(255).fill(0xff), new Uint8Array(256).fill(0xff)])
    expect(verifyDeviceSignature({ type: "rsa-2048", modulus, exponent: 65_537 }, message, new Uint8Array(256).fill(1))).toBe(false)
})

function uncompressed(group: object): Uint8Array {
  const { publicKey }: { readonly publicKey?: { readonly uncompressed?: string } } = group
  return hex(publicKey?.uncompressed)
}

function rsaKey(modulusLength: number): { readonly key: DeviceKey; readonly signed: (message: Uint8Array) => Uint8Array } {
  const { privateKey, publicKey } = generateKeyPairSync("rsa", { modulusLength })
  const modulus = Uint8Array.from(Buffer.from(publicKey.export({ format: "jwk" }).n ?? "", "base64url"))
  return { key: { type: "rsa-2048", modulus, exponent: 65_537 }, signed: (message) => Uint8Array.from(sign("sha256", message, privateKey)) }
}
