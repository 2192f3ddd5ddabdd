import { generateKeyPairSync, sign, verify } from "node:crypto"
import fc from "fast-check"
import { describe, expect, test } from "vitest"
import { fromDer, toDer } from "./ecdsa-der.ts"

const { privateKey, publicKey } = generateKeyPairSync("ec", { namedCurve: "prime256v1" })

describe("ECDSA signatures in DER", () => {
  test("are what OpenSSL writes, and read back", () => {
    for (let round = 0; round < 500; round++) {
      const message = Buffer.from(`message ${round}`)
      const raw = sign("sha256", message, { key: privateKey, dsaEncoding: "ieee-p1363" })
      expect(verify("sha256", message, publicKey, toDer(raw))).toBe(true)
      const der = sign("sha256", message, privateKey)
      expect(toDer(fromDer(der) ?? new Uint8Array(64))).toEqual(der)
    }
  })

  test("round-trip, with any number of leading zeros", () => {
    const scalar = fc.tuple(fc.nat(32), fc.uint8Array({ minLength: 32, maxLength: 32 })).map(([zeros, bytes]) => bytes.fill(0, 0, zeros))
    fc.assert(
      fc.property(scalar, scalar, (r, s) => {
        const raw = Buffer.concat([r, s])
        expect(fromDer(toDer(raw))).toEqual(raw)
      }),
    )
  })

  test("are refused in any other form, and nothing throws", () => {
    for (const hex of [
      "",
      "30",
      "3000",
      "3006020101020101ff",
      "300702020001020101",
      "3006020101030101",
      "300602010102",
      "30060201010201",
      "3008020200ff0202ff01",
    ])
      expect(fromDer(Buffer.from(hex, "hex"))).toBeUndefined()
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 80 }), (bytes) => {
        const raw = fromDer(Uint8Array.from([0x30, bytes.length, ...bytes]))
        if (raw !== undefined) expect(raw).toHaveLength(64)
      }),
      { numRuns: 2_000 },
    )
  })
})
