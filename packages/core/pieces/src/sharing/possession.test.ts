import { unwrap } from "@keygrove/base"
import { secp256k1 } from "@noble/curves/secp256k1.js"
import fc from "fast-check"
import { describe, expect, test } from "vitest"
import { decodeCommitments } from "./commitments.ts"
import { POSSESSION_PROOF_BYTES, provePossession, verifyPossession, type PossessionSubject } from "./possession.ts"
import { bothPlatforms, Fn, indexOf, scalars, secretOf, seededRandom, shareAmong } from "./sharing-kit.contract.ts"

describe.each(bothPlatforms)("proof of possession, $implementation", (primitives) => {
  const { curve } = primitives
  const toolsOf = (seed: number) => ({ ...primitives, random: seededRandom(seed) })
  const { commitments, pieces } = shareAmong(toolsOf(1), 31n, 3, 5)
  const [first, second] = pieces
  if (first === undefined || second === undefined) throw new TypeError("no pieces")
  const subject: PossessionSubject = {
    sharing: new Uint8Array(32).fill(1),
    commitments,
    index: first.index,
    challenge: new Uint8Array(32).fill(2),
  }
  const proof = provePossession(toolsOf(2), subject, first.value)

  test("of a right piece holds, has its length, and is another each time", () => {
    fc.assert(
      fc.property(fc.nat(), scalars, fc.uint8Array({ minLength: 32, maxLength: 32 }), (seed, secret, challenge) => {
        const shared = shareAmong(toolsOf(seed), secret, 2, 3)
        for (const { index, value } of shared.pieces) {
          const about = { sharing: challenge, commitments: shared.commitments, index, challenge }
          const made = provePossession(toolsOf(seed), about, value)
          expect(made).toHaveLength(POSSESSION_PROOF_BYTES)
          expect(verifyPossession(primitives, about, made)).toBe(true)
          expect(provePossession(toolsOf(seed + 1), about, value)).not.toEqual(made)
        }
      }),
      { numRuns: 12 },
    )
  })

  test("does not hold for another challenge, sharing, index or commitments", () => {
    expect(verifyPossession(primitives, subject, proof)).toBe(true)
    const other = shareAmong(toolsOf(9), 31n, 3, 5).commitments
    const changes: readonly Partial<PossessionSubject>[] = [
      { challenge: new Uint8Array(32).fill(3) },
      { sharing: new Uint8Array(32) },
      { index: second.index },
      { commitments: other },
      // The bytes of two fields may not trade places.
      { sharing: subject.challenge, challenge: subject.sharing },
    ]
    for (const change of changes) expect(verifyPossession(primitives, { ...subject, ...change }, proof)).toBe(false)
  })

  test("is not made with another piece, and not of public values alone", () => {
    expect(verifyPossession(primitives, subject, provePossession(toolsOf(2), subject, second.value))).toBe(false)
    // V = r·G + c·A for an r and c chosen first; the hash then asks for another c.
    const [r, c] = [5n, 6n]
    const [root = new Uint8Array(0)] = commitments.map((point) => curve.encodePoint(point))
    const forged = secp256k1.Point.BASE.multiply(r).add(secp256k1.Point.fromBytes(root).multiply(c))
    const bytes = Uint8Array.from([...forged.toBytes(true), ...Fn.toBytes(r)])
    expect(verifyPossession(primitives, subject, bytes)).toBe(false)
  })

  test("has one form: every changed byte, length and range is refused", () => {
    for (let at = 0; at < proof.length; at++)
      expect(verifyPossession(primitives, subject, proof.with(at, (proof[at] ?? 0) ^ 1))).toBe(false)
    const order = Uint8Array.from(Buffer.from(Fn.ORDER.toString(16), "hex"))
    const response = Fn.fromBytes(proof.subarray(33))
    const unreduced = response + Fn.ORDER < 2n ** 256n ? [Uint8Array.from(Buffer.from((response + Fn.ORDER).toString(16), "hex"))] : []
    for (const tail of [new Uint8Array(32), order, new Uint8Array(32).fill(255), ...unreduced])
      expect(verifyPossession(primitives, subject, Uint8Array.from([...proof.subarray(0, 33), ...tail]))).toBe(false)
    const uncompressed = secp256k1.Point.fromBytes(proof.subarray(0, 33)).toBytes(false)
    for (const bytes of [
      new Uint8Array(0),
      new Uint8Array(POSSESSION_PROOF_BYTES),
      proof.subarray(1),
      Uint8Array.from([...proof, 0]),
      Uint8Array.from([...uncompressed, ...proof.subarray(33)]),
    ])
      expect(verifyPossession(primitives, subject, bytes)).toBe(false)
  })

  test("a random source that repeats itself gives another nonce for another challenge, so the piece stays secret", () => {
    const same = { ...primitives, random: (length: number) => new Uint8Array(length) }
    const nonces = [2, 3].map((fill) => provePossession(same, { ...subject, challenge: new Uint8Array(32).fill(fill) }, first.value))
    expect(nonces[0]?.subarray(0, 33)).not.toEqual(nonces[1]?.subarray(0, 33))
  })

  test("nothing is proved of a piece at infinity", () => {
    const encoded = [6n, Fn.neg(2n)].map((value) => secp256k1.Point.BASE.multiply(value).toBytes(true))
    const dishonest = { ...subject, commitments: unwrap(decodeCommitments(curve, encoded)), index: indexOf(3) }
    expect(verifyPossession(primitives, dishonest, provePossession(toolsOf(4), dishonest, secretOf(1n)))).toBe(false)
  })
})
