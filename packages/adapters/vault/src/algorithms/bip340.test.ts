import { readFileSync } from "node:fs"
import { fromHex, Secret, toHex, unwrap } from "@keygrove/base"
import { nativePrimitives } from "@keygrove/curves-native"
import { systemRandom } from "@keygrove/system"
import { schnorr } from "@noble/curves/secp256k1.js"
import * as fc from "fast-check"
import { expect, test } from "vitest"
import { Bip340 } from "./bip340.ts"

const bip340 = new Bip340({ primitives: nativePrimitives, random: systemRandom })
const hex = (text = ""): Uint8Array => unwrap(fromHex(text.toLowerCase()))

/** Rows of vectors/bip340: index, secret key, public key, aux_rand, message, signature, verdict, comment. */
const rows = readFileSync(new URL("../../../../../vectors/bip340/test-vectors.csv", import.meta.url), "utf8")
  .trim()
  .split(/\r?\n/)
  .slice(1)
  .map((line) => line.split(","))

test.each(rows)("vector %s of BIP 340", (_index, secretKey, publicKey, auxiliary, message, signature, verdict) => {
  const compressed = Uint8Array.of(2, ...hex(publicKey))
  expect(bip340.verify(compressed, hex(message), hex(signature))).toBe(verdict === "TRUE")
  if (secretKey === "") return
  using secret = Secret.take(hex(secretKey))
  expect(toHex(bip340.sign(secret, hex(message), hex(auxiliary))).toUpperCase()).toBe(signature)
})

test("signs as noble does, for keys of either y, and messages of any length", () => {
  expect(rows).toHaveLength(15)
  fc.assert(
    fc.property(
      fc.uint8Array({ minLength: 32, maxLength: 32 }),
      fc.uint8Array({ maxLength: 2_000 }),
      fc.uint8Array({ minLength: 32, maxLength: 32 }),
      (key, message, auxiliary) => {
        const expected = schnorr.sign(message, key, auxiliary)
        using secret = Secret.take(key)
        expect(bip340.sign(secret, message, auxiliary)).toEqual(expected)
      },
    ),
    { numRuns: 30 },
  )
})
