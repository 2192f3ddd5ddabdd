import { readFileSync } from "node:fs"
import { equalBytes, fromHex, Secret, toHex, unwrap } from "@keygrove/base"
import { secp256k1 } from "@noble/curves/secp256k1.js"
import { sha256 } from "@noble/hashes/sha2.js"
import fc from "fast-check"
import { describe, expect, test } from "vitest"
import type { Curve, Point } from "./curve.ts"
import { ecdhContract } from "./ecdh.contract.ts"

const { Fn } = secp256k1.Point
const scalars = fc.oneof(fc.constantFrom(1n, 2n, Fn.ORDER - 1n, Fn.ORDER - 2n), fc.bigInt({ min: 1n, max: Fn.ORDER - 1n }))
const secretOf = (value: bigint): Secret => Secret.take(Fn.toBytes(value))
const hexOf = (secret: Secret): string => secret.expose(toHex)

/** Holds a curve implementation to its interface, with noble as oracle. */
export function curveContract(curve: Curve): void {
  const pointOf = (value: bigint): Point => unwrap(curve.decodePoint(secp256k1.Point.BASE.multiply(value).toBytes(true)))
  const oracle = (value: bigint): string => (value === 0n ? "infinity" : secp256k1.Point.BASE.multiply(value).toHex(false))
  const shown = (point: Point | undefined): string => (point === undefined ? "infinity" : toHex(point))

  describe(`curve ${curve.implementation}`, () => {
    ecdhContract(curve)

    test("multiplies, adds and negates points as the oracle", () => {
      fc.assert(
        fc.property(scalars, scalars, (a, b) => {
          const p = pointOf(a)
          expect(shown(curve.basePointTimesSecret(secretOf(b)))).toBe(oracle(b))
          expect(shown(curve.basePointTimesPublic(unwrap(curve.decodeScalar(Fn.toBytes(b)))))).toBe(oracle(b))
          expect(shown(curve.multiplySecret(p, secretOf(b)))).toBe(oracle(Fn.mul(a, b)))
          expect(shown(curve.multiplyPublic(p, unwrap(curve.decodeScalar(Fn.toBytes(b)))))).toBe(oracle(Fn.mul(a, b)))
          expect(shown(curve.add(p, pointOf(b)))).toBe(oracle(Fn.add(a, b)))
          expect(shown(curve.negate(p))).toBe(oracle(Fn.neg(a)))
          expect(equalBytes(curve.encodePoint(p), secp256k1.Point.BASE.multiply(a).toBytes(true))).toBe(true)
        }),
        { numRuns: 40 },
      )
    })

    test("computes with secret scalars as the oracle", () => {
      fc.assert(
        fc.property(scalars, scalars, (a, b) => {
          const sum = Fn.add(a, b)
          const added = curve.addSecrets(secretOf(a), secretOf(b))
          expect(added === undefined ? 0n : BigInt(`0x${hexOf(added)}`)).toBe(sum)
          expect(hexOf(curve.multiplySecrets(secretOf(a), secretOf(b)))).toBe(toHex(Fn.toBytes(Fn.mul(a, b))))
          expect(hexOf(curve.invertSecret(secretOf(a)))).toBe(toHex(Fn.toBytes(Fn.inv(a))))
        }),
        { numRuns: 40 },
      )
    })

    test("sums that are infinity are undefined, not an exception", () => {
      const p = pointOf(7n)
      const one = unwrap(curve.decodeScalar(Fn.toBytes(1n)))
      expect(curve.add(p, curve.negate(p))).toBeUndefined()
      expect(curve.addSecrets(secretOf(7n), secretOf(Fn.ORDER - 7n))).toBeUndefined()
      expect(curve.combinePublic([p, curve.negate(p)], [one, one])).toBeUndefined()
      expect(curve.combinePublic([pointOf(1n), pointOf(2n), pointOf(Fn.ORDER - 3n)], [one, one, one])).toBeUndefined()
      expect(shown(curve.combinePublic([p, p], [one, one]))).toBe(oracle(14n))
    })

    test.each<[string, string]>([
      ["nothing", ""],
      ["infinity", "00"],
      ["33 zeros", "00".repeat(33)],
      ["uncompressed", secp256k1.Point.BASE.toHex(false)],
      ["hybrid", `06${secp256k1.Point.BASE.toHex(false).slice(2)}`],
      ["x not on the curve", `02${"00".repeat(31)}05`],
      ["x not below p", `02${"ff".repeat(32)}`],
      ["a wrong prefix", `04${secp256k1.Point.BASE.toHex(true).slice(2)}`],
    ])("refuses as a point: %s", (_what, hex) =>
      expect(curve.decodePoint(unwrap(fromHex(hex)))).toMatchObject({ ok: false, code: "POINT_INVALID" }),
    )

    test("refuses 0, n, n + 1 and other lengths as scalars", () => {
      for (const value of [0n, Fn.ORDER, Fn.ORDER + 1n]) {
        const bytes = unwrap(fromHex(value.toString(16).padStart(64, "0"))).slice()
        expect(curve.decodeScalar(bytes)).toMatchObject({ ok: false, code: "SCALAR_INVALID" })
        expect(curve.isScalar(Secret.take(bytes))).toBe(false)
      }
      expect(curve.decodeScalar(new Uint8Array(31).fill(1)).ok).toBe(false)
      expect(curve.isScalar(secretOf(Fn.ORDER - 1n))).toBe(true)
    })

    test("signs low-S by RFC 6979, verifies its own and the oracle's, refuses high-S and malformed ones", () => {
      fc.assert(
        fc.property(scalars, fc.uint8Array({ minLength: 32, maxLength: 32 }), (key, digest) => {
          const signature = curve.signEcdsa(secretOf(key), digest)
          expect(toHex(signature)).toBe(toHex(secp256k1.sign(digest, Fn.toBytes(key), { prehash: false })))
          expect(curve.verifyEcdsa(pointOf(key), digest, signature)).toBe(true)
          const high = Uint8Array.from(signature)
          high.set(Fn.toBytes(Fn.neg(Fn.fromBytes(signature.subarray(32)))), 32)
          expect(curve.verifyEcdsa(pointOf(key), digest, high)).toBe(false)
          expect(curve.verifyEcdsa(pointOf(key), digest, curve.signEcdsa(secretOf(key), digest, new Uint8Array(32).fill(1)))).toBe(true)
        }),
        { numRuns: 25 },
      )
      expect(curve.verifyEcdsa(pointOf(1n), new Uint8Array(32), new Uint8Array(64).fill(0xff))).toBe(false)
      expect(curve.verifyEcdsa(pointOf(1n), new Uint8Array(32), new Uint8Array(64))).toBe(false)
      expect(curve.verifyEcdsa(pointOf(1n), new Uint8Array(32), new Uint8Array(63))).toBe(false)
    })

    test("gives the verdicts of Wycheproof on ECDSA signatures, but refuses high-S", () => {
      const { testGroups } = wycheproof()
      let judged = 0
      for (const { publicKey, tests } of testGroups) {
        const point = curve.decodePoint(secp256k1.Point.fromHex(publicKey.uncompressed).toBytes(true))
        if (!point.ok) throw new TypeError("a vector's key is no point")
        for (const { comment, msg, result, sig } of tests) {
          const signature = unwrap(fromHex(sig))
          const isHigh = signature.length === 64 && BigInt(`0x${sig.slice(64)}`) > Fn.ORDER / 2n
          const verdict = curve.verifyEcdsa(point.value, sha256(unwrap(fromHex(msg))), signature)
          expect(verdict, comment).toBe(result === "valid" && !isHigh)
          judged++
        }
      }
      expect(judged).toBeGreaterThan(200)
    })
  })
}

interface Wycheproof {
  readonly testGroups: readonly {
    readonly publicKey: { readonly uncompressed: string }
    readonly tests: readonly {
      readonly comment: string
      readonly msg: string
      readonly sig: string
      readonly result: "valid" | "invalid" | "acceptable"
    }[]
  }[]
}

/** C2SP/wycheproof, see vectors/README.md. */
function wycheproof(): Wycheproof {
  const vectors: Wycheproof = JSON.parse(
    readFileSync(new URL("../../../../vectors/wycheproof/ecdsa_secp256k1_sha256_p1363_test.json", import.meta.url), "utf8"),
  )
  return vectors
}
