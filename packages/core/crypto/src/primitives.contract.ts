import { createHash } from "node:crypto"
import { Secret, toHex } from "@keygrove/base"
import { ed25519 as noble } from "@noble/curves/ed25519.js"
import fc from "fast-check"
import { describe, expect, test } from "vitest"
import { aeadContract } from "./aead.contract.ts"
import type { Primitives } from "./primitives.ts"
import { hex, wycheproof } from "./wycheproof.contract.ts"

/** Declares what every implementation of {@link Primitives} must do; its curve has a contract of its own. */
export function primitivesContract(primitives: Primitives): void {
  aeadContract(primitives)
  describe("ed25519", () => ed25519Contract(primitives))
  describe("x25519", () => x25519Contract(primitives))
  describe("hkdf", () => hkdfContract(primitives))
  describe("hmac", () => hmacContract(primitives))
  test("sha256 gives FIPS 180-2's vector, in any split", () => {
    const text = new TextEncoder().encode("abc")
    const digest = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    expect(toHex(primitives.sha256(text))).toBe(digest)
    expect(toHex(primitives.sha256(text.subarray(0, 1), new Uint8Array(0), text.subarray(1)))).toBe(digest)
  })
}

function ed25519Contract({ ed25519 }: Primitives): void {
  test("holds Wycheproof's vectors", () => {
    let count = 0
    for (const group of wycheproof("ed25519")) {
      const publicKey = hex(group.publicKey?.pk)
      for (const { tcId, msg, sig, result } of group.tests) {
        expect(ed25519.verify(publicKey, hex(msg), hex(sig)), `ed25519 ${tcId}`).toBe(result === "valid")
        count++
      }
    }
    expect(count).toBeGreaterThan(100)
  })

  test("signs as noble does", () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 32, maxLength: 32 }), fc.uint8Array({ maxLength: 200 }), (seedBytes, message) => {
        const expected = noble.sign(message, seedBytes)
        const publicKey = noble.getPublicKey(seedBytes)
        using seed = Secret.take(seedBytes)
        expect(ed25519.publicKey(seed)).toEqual(publicKey)
        expect(ed25519.sign(seed, message)).toEqual(expected)
        expect(ed25519.verify(publicKey, message, expected)).toBe(true)
      }),
      { numRuns: 20 },
    )
  })

  test("refuses keys and commitments of small order, and non-canonical encodings", () => {
    const zero = new Uint8Array(64)
    for (const point of SMALL_ORDER) {
      // With A of small order, S = 0 and R = A's inverse multiple verify any message under a lenient verifier.
      const signature = Uint8Array.from(zero)
      signature.set(hex(point))
      for (const key of SMALL_ORDER) expect(ed25519.verify(hex(key), new Uint8Array(1), signature)).toBe(false)
      using seed = Secret.take(new Uint8Array(32).fill(5))
      expect(ed25519.verify(ed25519.publicKey(seed), new Uint8Array(1), signature)).toBe(false)
    }
  })

  test("refuses a commitment with a component of small order, which only cofactored verifiers accept", () => {
    expect(noble.verify(MIXED_ORDER.signature, MIXED_ORDER.message, MIXED_ORDER.publicKey)).toBe(true)
    expect(ed25519.verify(MIXED_ORDER.publicKey, MIXED_ORDER.message, MIXED_ORDER.signature)).toBe(false)
  })

  test("answers false to malformed keys and signatures", () => {
    expect(ed25519.verify(new Uint8Array(31), new Uint8Array(1), new Uint8Array(64))).toBe(false)
    expect(ed25519.verify(new Uint8Array(32).fill(2), new Uint8Array(1), new Uint8Array(63))).toBe(false)
  })
}

/** The eight points of small order and their non-canonical encodings (Chalkias, Garillot, Nikolaenko: "Taming the many EdDSAs", 2020, table 1). */
const SMALL_ORDER: readonly string[] = [
  "0100000000000000000000000000000000000000000000000000000000000000",
  "0100000000000000000000000000000000000000000000000000000000000080",
  "0000000000000000000000000000000000000000000000000000000000000000",
  "0000000000000000000000000000000000000000000000000000000000000080",
  "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
  "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
  "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
  "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
  "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
  "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
  "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
  "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa",
  "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
  "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85",
]

/** R = r·B + T with T of order 8, which only the key's owner can make: cofactored verifiers accept it, cofactorless ones do not, so all nodes must use one equation. */
const MIXED_ORDER: { readonly publicKey: Uint8Array; readonly message: Uint8Array; readonly signature: Uint8Array } = mixedOrderSignature()

function mixedOrderSignature(): typeof MIXED_ORDER {
  const { Point } = noble
  const order = Point.Fn.ORDER
  const a = 987_654_321_987_654_321n
  const publicKey = Point.BASE.multiply(a).toBytes()
  const torsion = Point.fromBytes(hex(SMALL_ORDER[10]))
  const r = 123_456_789_123_456_789n
  const commitment = Point.BASE.multiply(r).add(torsion).toBytes()
  const message = new TextEncoder().encode("mixed order")
  const challenge = littleEndian(createHash("sha512").update(commitment).update(publicKey).update(message).digest()) % order
  const s = (r + challenge * a) % order
  const signature = new Uint8Array(64)
  signature.set(commitment)
  signature.set(
    Uint8Array.from({ length: 32 }, (_, index) => Number((s >> BigInt(8 * index)) & 0xffn)),
    32,
  )
  return { publicKey, message, signature }
}

function littleEndian(bytes: Uint8Array): bigint {
  return bytes.reduceRight((value, byte) => (value << 8n) | BigInt(byte), 0n)
}

function x25519Contract({ x25519 }: Primitives): void {
  test("holds Wycheproof's vectors and refuses an all-zero secret", () => {
    let refused = 0
    for (const group of wycheproof("x25519")) {
      for (const vector of group.tests) {
        using secret = Secret.take(hex(vector["private"]))
        const result = x25519.sharedSecret(secret, hex(vector["public"]))
        if (/^0+$/.test(vector["shared"] ?? "")) {
          expect(result).toMatchObject({ ok: false, code: "X25519_SMALL_ORDER" })
          refused++
        } else {
          if (!result.ok) throw new Error(`x25519 ${vector.tcId} was refused`)
          using shared = result.value
          expect(shared.expose(toHex), `x25519 ${vector.tcId}`).toBe(vector["shared"])
        }
      }
    }
    expect(refused).toBeGreaterThan(0)
  })

  test("agrees both ways and takes no other lengths", () => {
    using a = Secret.take(new Uint8Array(32).fill(1))
    using b = Secret.take(new Uint8Array(32).fill(2))
    const ab = x25519.sharedSecret(a, x25519.publicKey(b))
    const ba = x25519.sharedSecret(b, x25519.publicKey(a))
    expect(ab.ok && ba.ok && ab.value.equals(ba.value)).toBe(true)
    expect(() => x25519.sharedSecret(a, new Uint8Array(31))).toThrow(RangeError)
  })
}

function hmacContract({ hmacSha256 }: Primitives): void {
  test("holds Wycheproof's vectors, for keys of any length and messages in any split", () => {
    let count = 0
    for (const group of wycheproof("hmac_sha256")) {
      for (const { tcId, key: keyText, msg, tag, result } of group.tests) {
        using key = Secret.take(hex(keyText))
        const message = hex(msg)
        const cut = message.length >> 1
        const made = toHex(hmacSha256(key, message.subarray(0, cut), message.subarray(cut))).slice(0, (group.tagSize ?? 0) / 4)
        expect(made === tag, `hmac ${tcId}`).toBe(result === "valid")
        count++
      }
    }
    expect(count).toBeGreaterThan(100)
  })
}

function hkdfContract({ hkdf }: Primitives): void {
  test("holds Wycheproof's vectors without salt", () => {
    let count = 0
    for (const group of wycheproof("hkdf_sha256")) {
      for (const { tcId, ikm, salt, info, size, okm, result } of group.tests) {
        if (salt !== "" || result !== "valid" || size === undefined) continue
        using secret = Secret.take(hex(ikm))
        using key = hkdf(secret, hex(info), size)
        expect(key.expose(toHex), `hkdf ${tcId}`).toBe(okm)
        count++
      }
    }
    expect(count).toBeGreaterThan(5)
  })

  test("gives RFC 5869 A.3", () => {
    using secret = Secret.take(new Uint8Array(22).fill(0x0b))
    using key = hkdf(secret, new Uint8Array(0), 42)
    expect(key.expose(toHex)).toBe("8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d9d201395faa4b61a96c8")
  })

  test("gives at most 255 blocks", () => {
    using secret = Secret.take(new Uint8Array(32))
    expect(() => hkdf(secret, new Uint8Array(0), 8161)).toThrow()
    expect(() => hkdf(secret, new Uint8Array(0), 0)).toThrow()
  })
}
