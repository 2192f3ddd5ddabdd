import { Secret, toHex, unwrap } from "@keygrove/base"
import { describe, expect, test } from "vitest"
import { POINT_BYTES, SCALAR_BYTES, type Curve } from "./curve.ts"
import { hex, wycheproof } from "./wycheproof.contract.ts"

/** DER of a SubjectPublicKeyInfo that names secp256k1, up to the point (RFC 5480 §2): uncompressed and compressed. */
const UNCOMPRESSED = "3056301006072a8648ce3d020106052b8104000a034200"
const COMPRESSED = "3036301006072a8648ce3d020106052b8104000a032200"

/**
 * Holds the multiplications of a curve to Wycheproof's ECDH cases. Keygrove parses no ASN.1, so only keys in the plain named form are
 * judged. An uncompressed point enters by its x and the parity of its y, as everything does; one off the curve must not enter as it stands.
 */
export function ecdhContract(curve: Curve): void {
  describe("ECDH cases of Wycheproof", () => {
    const cases = wycheproof("ecdh_secp256k1").flatMap(({ tests }) => tests)

    test("valid ones give the shared secret by each multiplication", () => {
      let judged = 0
      for (const { private: secretHex, public: keyHex, result, shared, tcId } of cases) {
        const bytes = pointOf(keyHex ?? "")
        if (bytes === undefined || result === "invalid") continue
        const point = unwrap(curve.decodePoint(bytes))
        const secretBytes = scalarBytes(secretHex ?? "")
        const scalar = unwrap(curve.decodeScalar(Uint8Array.from(secretBytes)))
        using secret = Secret.take(secretBytes)
        for (const product of [curve.multiplySecret(point, secret), curve.multiplyPublic(point, scalar)])
          expect(toHex(curve.encodePoint(product)).slice(2), `ecdh ${tcId}`).toBe(shared)
        judged++
      }
      expect(judged).toBeGreaterThan(470)
    })

    test("points off the curve, on its twist or of another form are refused", () => {
      let judged = 0
      for (const { public: keyHex = "", result, tcId } of cases) {
        const header = [UNCOMPRESSED, COMPRESSED].find((each) => keyHex.startsWith(each))
        if (header === undefined || result !== "invalid") continue
        expect(curve.decodePoint(hex(keyHex.slice(header.length))), `ecdh ${tcId}`).toMatchObject({ code: "POINT_INVALID" })
        judged++
      }
      expect(judged).toBe(21)
    })
  })
}

/** The compressed point of a key in the plain form, else `undefined`. */
function pointOf(keyHex: string): Uint8Array | undefined {
  if (keyHex.startsWith(COMPRESSED) && keyHex.length === COMPRESSED.length + 2 * POINT_BYTES) return hex(keyHex.slice(COMPRESSED.length))
  if (!keyHex.startsWith(`${UNCOMPRESSED}04`) || keyHex.length !== UNCOMPRESSED.length + 2 * (2 * POINT_BYTES - 1)) return undefined
  const [x, y] = [keyHex.slice(UNCOMPRESSED.length + 2, -2 * SCALAR_BYTES), keyHex.slice(-2 * SCALAR_BYTES)]
  return hex(`${BigInt(`0x${y}`) % 2n === 0n ? "02" : "03"}${x}`)
}

/** Wycheproof writes scalars as integers of any length, with a leading zero byte where the first bit is set. */
function scalarBytes(integerHex: string): Uint8Array {
  return hex(
    BigInt(`0x${integerHex}`)
      .toString(16)
      .padStart(2 * SCALAR_BYTES, "0"),
  ).slice()
}
