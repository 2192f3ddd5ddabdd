import { Secret, toHex, unwrap } from "@keygrove/base"
import { secp256k1 } from "@noble/curves/secp256k1.js"
import fc from "fast-check"
import { describe, expect, test } from "vitest"
import { combinePieces } from "./combine-pieces.ts"
import { decodeCommitments, encodeCommitments, piecePoint } from "./commitments.ts"
import {
  bothPlatforms,
  Fn,
  indexOf,
  indicesTo,
  interpolateAt,
  numberOf,
  scalars,
  secretOf,
  seededRandom,
  shareAmong,
} from "./sharing-kit.contract.ts"
import { beginSharing, splitSecret } from "./split-secret.ts"
import { verifyPiece } from "./verify-piece.ts"

/** A threshold, holders, and an order in which they come. */
const shapes = fc.tuple(fc.integer({ min: 2, max: 7 }), fc.integer({ min: 0, max: 6 }), fc.nat()).chain(([threshold, spare, seed]) =>
  fc.record({
    threshold: fc.constant(threshold),
    count: fc.constant(threshold + spare),
    seed: fc.constant(seed),
    order: fc.shuffledSubarray(
      Array.from({ length: threshold + spare }, (_each, place) => place),
      { minLength: threshold + spare },
    ),
  }),
)

describe.each(bothPlatforms)("sharing, $implementation", ({ curve }) => {
  const toolsOf = (seed: number) => ({ curve, random: seededRandom(seed) })

  test("any pieces, as many as needed, give the secret, and each is the one of its index", () => {
    fc.assert(
      fc.property(shapes, scalars, ({ count, order, seed, threshold }, secret) => {
        const tools = toolsOf(seed)
        const { commitments, pieces } = shareAmong(tools, secret, threshold, count)
        for (const { index, value } of pieces) {
          expect(verifyPiece(curve, commitments, index, value)).toBe(true)
          expect(toHex(piecePoint(curve, commitments, index) ?? new Uint8Array(0))).toBe(
            secp256k1.Point.BASE.multiply(numberOf(value)).toHex(false),
          )
        }
        const some = order.slice(0, threshold).flatMap((place) => pieces[place] ?? [])
        const combined = unwrap(combinePieces(tools, commitments, some))
        expect(numberOf(combined.secret)).toBe(secret)
        expect(combined.liars).toEqual([])
        expect(some.every(({ value }) => value.live)).toBe(true)
      }),
      { numRuns: 40 },
    )
  })

  test("one piece less is refused, and fits every secret", () => {
    fc.assert(
      fc.property(
        shapes,
        scalars,
        fc.array(scalars, { minLength: 3, maxLength: 3 }),
        ({ count, order, seed, threshold }, secret, candidates) => {
          const tools = toolsOf(seed)
          const { commitments, pieces } = shareAmong(tools, secret, threshold, count)
          const some = order.slice(1, threshold).flatMap((place) => pieces[place] ?? [])
          const data = { good: threshold - 1, threshold, liars: "" }
          expect(combinePieces(tools, commitments, some)).toMatchObject({ ok: false, code: "PIECES_INSUFFICIENT", data })
          const known = some.map(({ index, value }) => [index, numberOf(value)] as const)
          for (const candidate of candidates) {
            // Through t − 1 pieces and any secret goes a polynomial of the degree that was agreed on.
            const points = [[0, candidate] as const, ...known]
            expect(points).toHaveLength(threshold)
            for (const [index, value] of known) expect(interpolateAt(points, index)).toBe(value)
          }
        },
      ),
      { numRuns: 25 },
    )
  })

  test("secrets and pieces with leading zero bytes keep them", () => {
    for (let zeros = 0; zeros < 32; zeros++) {
      const tools = toolsOf(zeros)
      const secret = 2n ** BigInt(8 * (32 - zeros)) - 1n < Fn.ORDER ? 2n ** BigInt(8 * (32 - zeros)) - 1n : Fn.ORDER - 1n
      const { commitments, pieces } = shareAmong(tools, secret, 3, 5)
      const combined = unwrap(combinePieces(tools, commitments, pieces.slice(2)))
      expect(combined.secret.expose(toHex)).toBe(secret.toString(16).padStart(64, "0"))
    }
    // f(1) = 1: a piece of 31 zero bytes.
    const root = curve.decodePoint(secp256k1.Point.BASE.multiply(Fn.sub(1n, 7n)).toBytes(true))
    const first = curve.decodePoint(secp256k1.Point.BASE.multiply(7n).toBytes(true))
    const commitments = unwrap(
      decodeCommitments(
        curve,
        [unwrap(root), unwrap(first)].map((point) => curve.encodePoint(point)),
      ),
    )
    expect(verifyPiece(curve, commitments, indexOf(1), secretOf(1n))).toBe(true)
    const pieces = [1, 2].map((index) => ({ index: indexOf(index), value: secretOf(Fn.add(Fn.sub(1n, 7n), Fn.mul(7n, BigInt(index)))) }))
    expect(numberOf(unwrap(combinePieces(toolsOf(0), commitments, pieces)).secret)).toBe(Fn.sub(1n, 7n))
  })

  test("every random coefficient is fresh, and comes from the random source as it is", () => {
    const drawn: string[] = []
    const random = seededRandom(5)
    const recording = (length: number): Uint8Array => {
      const bytes = random(length)
      drawn.push(toHex(bytes))
      return bytes
    }
    using secret = secretOf(9n)
    const { commitments } = unwrap(splitSecret({ curve, random: recording }, { secret, threshold: 4, indices: indicesTo(4) }))
    expect(drawn).toHaveLength(3)
    const expected = drawn.map((scalar) => secp256k1.Point.BASE.multiply(BigInt(`0x${scalar}`)).toHex(true))
    expect(encodeCommitments(curve, commitments).slice(1).map(toHex)).toEqual(expected)
    const made: Secret[] = []
    const failing = { curve: { ...curve, isScalar: (candidate: Secret) => made.push(candidate) < 4 && curve.isScalar(candidate) }, random }
    expect(() => splitSecret(failing, { secret, threshold: 4, indices: indicesTo(4) })).toThrow(RangeError)
    expect(made.map(({ live }) => live)).toEqual([true, ...Array.from({ length: made.length - 1 }, () => false)])
    const zeros = { curve, random: (length: number) => new Uint8Array(length) }
    expect(() => splitSecret(zeros, { secret, threshold: 2, indices: indicesTo(2) })).toThrow(RangeError)
  })

  test("pieces are made one at a time, and the polynomial is wiped with the series", () => {
    using secret = secretOf(11n)
    const series = unwrap(beginSharing(toolsOf(1), { secret, threshold: 2, indices: [9, 4, 200].map(indexOf) }))
    expect([series.next()?.index, series.next()?.index]).toEqual([9, 4])
    expect(secret.live).toBe(true)
    series[Symbol.dispose]()
    expect(() => series.next()).toThrow("already wiped")
    const other = unwrap(beginSharing(toolsOf(1), { secret, threshold: 2, indices: indicesTo(2) }))
    expect([other.next()?.index, other.next()?.index, other.next()]).toEqual([1, 2, undefined])
    other[Symbol.dispose]()
  })

  test.each([0, 1, 1.5, Number.NaN, 256])("%s is no number of pieces needed", (threshold) => {
    using secret = secretOf(3n)
    expect(splitSecret(toolsOf(1), { secret, threshold, indices: indicesTo(255) })).toMatchObject({ code: "SHARING_INVALID" })
  })

  test("fewer indices than pieces needed, repeated ones, and what is no scalar are refused", () => {
    const split = (secret: Secret, indices: readonly number[]): unknown =>
      splitSecret(toolsOf(1), { secret, threshold: 3, indices: indices.map(indexOf) })
    expect(split(secretOf(3n), [1, 2])).toMatchObject({ code: "SHARING_INVALID" })
    expect(split(secretOf(3n), [1, 2, 2])).toMatchObject({ code: "SHARING_INVALID" })
    for (const bytes of [new Uint8Array(32), new Uint8Array(32).fill(255), new Uint8Array(31).fill(1), new Uint8Array(33).fill(1)])
      expect(split(Secret.take(bytes), [1, 2, 3])).toMatchObject({ code: "SHARING_INVALID" })
  })

  test("commitments that are no points, too few or too many are refused", () => {
    const point = curve.encodePoint(curve.basePointTimesSecret(secretOf(4n)))
    for (const encoded of [[], [point], Array.from({ length: 256 }, () => point), [point, new Uint8Array(33)], [point, point.slice(1)]])
      expect(decodeCommitments(curve, encoded)).toMatchObject({ code: "SHARING_INVALID" })
    expect(encodeCommitments(curve, unwrap(decodeCommitments(curve, [point, point])))).toEqual([point, point])
  })

  test("a dishonest owner's piece at infinity is no piece", () => {
    // f(x) = 6 − 2x is zero at 3.
    const encoded = [6n, Fn.neg(2n)].map((value) => secp256k1.Point.BASE.multiply(value).toBytes(true))
    const commitments = unwrap(decodeCommitments(curve, encoded))
    expect(piecePoint(curve, commitments, indexOf(3))).toBeUndefined()
    expect(verifyPiece(curve, commitments, indexOf(3), Secret.take(new Uint8Array(32)))).toBe(false)
    expect(verifyPiece(curve, commitments, indexOf(2), secretOf(2n))).toBe(true)
    expect(verifyPiece(curve, commitments, indexOf(4), secretOf(Fn.neg(2n)))).toBe(true)
  })

  test("128 of 255", () => {
    const tools = toolsOf(7)
    const { commitments, pieces } = shareAmong(tools, 2n ** 200n, 128, 255)
    for (const some of [pieces.slice(0, 128), pieces.slice(127), pieces])
      expect(numberOf(unwrap(combinePieces(tools, commitments, some)).secret)).toBe(2n ** 200n)
  })
})

test("both platforms make the same pieces of the same randomness", () => {
  const [a, b] = bothPlatforms.map(({ curve }) => shareAmong({ curve, random: seededRandom(3) }, 77n, 5, 8))
  expect(a?.pieces.map(({ value }) => numberOf(value))).toEqual(b?.pieces.map(({ value }) => numberOf(value)))
  expect(a?.commitments).toEqual(b?.commitments)
})
