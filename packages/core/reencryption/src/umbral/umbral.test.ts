import { Secret, toHex, unwrap, type Result } from "@keygrove/base"
import type { Point } from "@keygrove/crypto"
import { nativePrimitives } from "@keygrove/curves-native"
import { systemRandom } from "@keygrove/system"
import fc from "fast-check"
import { describe, expect, test } from "vitest"
import type { Capsule, VerifiedCapsuleFragment, VerifiedKeyFragment } from "./types.ts"
import { createUmbral } from "./umbral.ts"

const { curve, sha256 } = nativePrimitives
const umbral = createUmbral({ curve, sha256, random: systemRandom })
const key = (fill: number): Secret => Secret.take(new Uint8Array(32).fill(fill))
const publicKey = (fill: number): Point => curve.basePointTimesSecret(key(fill))
const owner = key(1)
const reader = key(2)
const keys = { verifyingKey: publicKey(3), delegatingKey: publicKey(1), receivingKey: publicKey(2) }

function grant(threshold: number, shares: number): readonly VerifiedKeyFragment[] {
  return unwrap(umbral.generateFragments({ delegatingKey: owner, receivingKey: keys.receivingKey, signingKey: key(3), threshold, shares }))
}

function open(capsule: Capsule, fragments: readonly VerifiedCapsuleFragment[]): Result<Secret> {
  return umbral.openReencrypted({ receivingKey: reader, delegatingKey: keys.delegatingKey, capsule, fragments })
}

const fragmentBytes = (): Uint8Array =>
  umbral.encodeFragment(grant(1, 1)[0] as VerifiedKeyFragment).expose((bytes) => Uint8Array.from(bytes))
const { capsule, keySeed } = umbral.encapsulate(keys.delegatingKey)
const answerBytes = (): Uint8Array => umbral.encodeCapsuleFragment(umbral.reencrypt(capsule, grant(1, 1)[0] as VerifiedKeyFragment))

describe("properties", () => {
  test("any m of n fragments open, for any m ≤ n ≤ 30, and m − 1 do not", () => {
    const sizes = fc
      .integer({ min: 1, max: 30 })
      .chain((shares) => fc.tuple(fc.integer({ min: 1, max: shares }), fc.constant(shares), fc.infiniteStream(fc.nat())))
    fc.assert(
      fc.property(sizes, ([threshold, shares, order]) => {
        const shuffled = grant(threshold, shares)
          .map((fragment) => ({ fragment, rank: order.next().value ?? 0 }))
          .toSorted((a, b) => a.rank - b.rank)
          .slice(0, threshold)
          .map(({ fragment }) => umbral.reencrypt(capsule, fragment))
        expect(unwrap(open(capsule, shuffled)).equals(keySeed)).toBe(true)
        if (threshold > 1) expect(open(capsule, shuffled.slice(1))).toMatchObject({ ok: false, code: "UMBRAL_FRAGMENTS_INSUFFICIENT" })
      }),
      { numRuns: 12 },
    )
  })

  test("everything encodes and decodes to itself", () => {
    expect(toHex(umbral.encodeCapsule(unwrap(umbral.decodeCapsule(umbral.encodeCapsule(capsule)))))).toBe(
      toHex(umbral.encodeCapsule(capsule)),
    )
    const bytes = answerBytes()
    expect(toHex(umbral.encodeCapsuleFragment(unwrap(umbral.decodeCapsuleFragment(bytes))))).toBe(toHex(bytes))
  })
})

describe("refusals of grants and openings", () => {
  test.each([
    [0, 1, "UMBRAL_THRESHOLD_ZERO"],
    [2, 1, "UMBRAL_SHARES_TOO_FEW"],
    [1, 256, "UMBRAL_SHARES_TOO_MANY"],
  ])("threshold %i of %i: %s", (threshold, shares, code) => {
    const order = { delegatingKey: owner, receivingKey: keys.receivingKey, signingKey: key(3), threshold, shares }
    expect(umbral.generateFragments(order)).toMatchObject({ ok: false, code })
  })

  test("none, repeated, mixed and foreign fragments", () => {
    const [a, b] = grant(2, 2).map((fragment) => umbral.reencrypt(capsule, fragment))
    const [c] = grant(2, 2).map((fragment) => umbral.reencrypt(capsule, fragment))
    if (a === undefined || b === undefined || c === undefined) throw new TypeError("no fragments")
    expect(open(capsule, [])).toMatchObject({ code: "UMBRAL_FRAGMENTS_MISSING" })
    expect(open(capsule, [a, a])).toMatchObject({ code: "UMBRAL_FRAGMENTS_REPEATED" })
    expect(open(capsule, [a, c])).toMatchObject({ code: "UMBRAL_FRAGMENTS_MIXED" })
    expect(open(umbral.encapsulate(keys.delegatingKey).capsule, [a, b])).toMatchObject({ code: "UMBRAL_FRAGMENTS_INSUFFICIENT" })
  })
})

describe("refusals of the parsers", () => {
  const changed = (bytes: Uint8Array, at: number, value: readonly number[]): Uint8Array => {
    const copy = Uint8Array.from(bytes)
    copy.set(value, at)
    return copy
  }
  /** The place of a 33-byte field with another length or content. */
  const replaced = (bytes: Uint8Array, at: number, field: readonly number[]): Uint8Array =>
    Uint8Array.from([...bytes.subarray(0, at), 0xc4, field.length, ...field, ...bytes.subarray(at + 35)])
  const capsuleBytes = umbral.encodeCapsule(capsule)
  const uncompressed = [...keys.delegatingKey]

  test.each<[string, Uint8Array, string]>([
    ["trailing bytes", Uint8Array.from([...capsuleBytes, 0]), "UMBRAL_TRAILING_BYTES"],
    ["a cut end", capsuleBytes.subarray(0, 104), "UMBRAL_ENCODING"],
    ["another array", changed(capsuleBytes, 0, [0x92]), "UMBRAL_ENCODING"],
    ["an uncompressed point", replaced(capsuleBytes, 1, uncompressed), "UMBRAL_POINT_UNCOMPRESSED"],
    ["infinity in one byte", replaced(capsuleBytes, 1, [0]), "UMBRAL_POINT_INFINITY"],
    ["infinity in 33 bytes", replaced(capsuleBytes, 1, [...new Uint8Array(33)]), "UMBRAL_POINT_INFINITY"],
    ["a point off the curve", replaced(capsuleBytes, 1, [2, ...new Uint8Array(32).fill(0xff)]), "UMBRAL_POINT_INVALID"],
    ["s = 0", changed(capsuleBytes, 73, [...new Uint8Array(32)]), "UMBRAL_SCALAR_INVALID"],
    ["another s", changed(capsuleBytes, 104, [(capsuleBytes[104] ?? 0) ^ 1]), "UMBRAL_CAPSULE_INVALID"],
  ])("capsule: %s", (_name, bytes, code) => expect(umbral.decodeCapsule(bytes)).toMatchObject({ ok: false, code }))

  test.each<[string, (bytes: Uint8Array) => Uint8Array, string]>([
    ["trailing bytes", (bytes) => Uint8Array.from([...bytes, 0]), "UMBRAL_TRAILING_BYTES"],
    ["a foreign U", (bytes) => replaced(bytes, 2, [...curve.encodePoint(keys.delegatingKey)]), "UMBRAL_PARAMETERS_FOREIGN"],
    ["rk = 0", (bytes) => changed(bytes, 73, [...new Uint8Array(32)]), "UMBRAL_FRAGMENT_KEY_ZERO"],
    ["rk = n", (bytes) => changed(bytes, 73, [...new Uint8Array(32).fill(0xff)]), "UMBRAL_SCALAR_INVALID"],
    ["a flag that is no boolean", (bytes) => changed(bytes, bytes.length - 1, [0xc0]), "UMBRAL_ENCODING"],
  ])("key fragment: %s", (_name, change, code) => expect(umbral.decodeFragment(change(fragmentBytes()))).toMatchObject({ ok: false, code }))

  test("no changed byte of a key fragment is accepted", () => {
    const bytes = fragmentBytes()
    for (let at = 0; at < bytes.length; at++) {
      const decoded = umbral.decodeFragment(changed(bytes, at, [(bytes[at] ?? 0) ^ 1]))
      // The receiver's signature is for the reader to check; the proxy's covers the same in its own place.
      const receiverSignature = at >= 244 && at < 308
      if (decoded.ok && !receiverSignature) expect(umbral.verifyFragment(decoded.value, keys).ok, `byte ${at}`).toBe(false)
    }
  })

  test("no changed byte of a capsule fragment is accepted", () => {
    const bytes = answerBytes()
    for (let at = 0; at < bytes.length; at++) {
      const decoded = umbral.decodeCapsuleFragment(changed(bytes, at, [(bytes[at] ?? 0) ^ 1]))
      if (decoded.ok) expect(umbral.verifyCapsuleFragment(capsule, decoded.value, keys).ok, `byte ${at}`).toBe(false)
    }
  })

  test("a key that was signed but not given is asked for", () => {
    const [fragment] = grant(1, 1)
    if (fragment === undefined) throw new TypeError("no fragment")
    expect(umbral.verifyFragment(fragment, { verifyingKey: keys.verifyingKey })).toMatchObject({ code: "UMBRAL_KEY_NOT_GIVEN" })
    expect(umbral.verifyFragment(fragment, { ...keys, delegatingKey: publicKey(9) })).toMatchObject({ code: "UMBRAL_SIGNATURE_WRONG" })
  })
})
