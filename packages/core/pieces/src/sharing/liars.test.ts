import { Secret } from "@keygrove/base"
import { nativePrimitives } from "@keygrove/curves-native"
import fc from "fast-check"
import { describe, expect, test } from "vitest"
import { combinePieces } from "./combine-pieces.ts"
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
import type { Piece } from "./split-secret.ts"
import { verifyPiece, verifyPiecesTogether } from "./verify-piece.ts"

/** The same piece with its value moved. */
const movedBy = ({ index, value }: Piece, by: bigint): Piece => {
  const moved = Fn.add(numberOf(value), by)
  return { index, value: moved === 0n ? Secret.take(new Uint8Array(32)) : secretOf(moved) }
}

describe.each(bothPlatforms)("liars, $implementation", ({ curve }) => {
  const toolsOf = (seed: number) => ({ curve, random: seededRandom(seed) })

  test("are all named, and with enough others the secret comes back", () => {
    const lies = fc.array(fc.record({ at: fc.nat(8), by: scalars }), { maxLength: 9 })
    fc.assert(
      fc.property(fc.integer({ min: 2, max: 6 }), fc.nat(), lies, (threshold, seed, wrong) => {
        const tools = toolsOf(seed)
        const { commitments, pieces } = shareAmong(tools, 4711n, threshold, 9)
        const byPlace = new Map(wrong.map(({ at, by }) => [at, by]))
        const given = pieces.map((piece, place) => movedBy(piece, byPlace.get(place) ?? 0n))
        const liars = [...byPlace.keys()].toSorted((a, b) => a - b).map((place) => place + 1)
        const combined = combinePieces(tools, commitments, given)
        const good = 9 - liars.length
        if (combined.ok) {
          expect(numberOf(combined.value.secret)).toBe(4711n)
          expect(combined.value.liars).toEqual(liars)
        } else expect(combined.data).toEqual({ good, threshold, liars: liars.join(",") })
        expect(combined.ok).toBe(good >= threshold)
      }),
      { numRuns: 40 },
    )
  })

  test("whose lies cancel out in the secret are named all the same", () => {
    const tools = toolsOf(1)
    const { commitments, pieces } = shareAmong(tools, 99n, 5, 5)
    // λ₁·e₁ + λ₂·e₂ = 0 over the indices 1 to 5, where λ₁ = 5 and λ₂ = −10.
    const given = pieces.map((piece) => movedBy(piece, piece.index === 1 ? 2n : piece.index === 2 ? 1n : 0n))
    const points = given.map(({ index, value }) => [index, numberOf(value)] as const)
    expect(interpolateAt(points, 0)).toBe(99n)
    expect(combinePieces(tools, commitments, given)).toMatchObject({ data: { good: 3, liars: "1,2" } })
  })

  test("pieces of another sharing of the same secret are lies, however they are mixed", () => {
    fc.assert(
      fc.property(fc.nat(), fc.array(fc.boolean(), { minLength: 7, maxLength: 7 }), (seed, fromOther) => {
        const tools = toolsOf(seed)
        const [a, b] = [shareAmong(tools, 5n, 3, 7), shareAmong(tools, 5n, 3, 7)]
        const mixed = fromOther.flatMap((isOther, place) => (isOther ? b : a).pieces[place] ?? [])
        const foreign = mixed.filter((_piece, place) => fromOther[place]).map(({ index }) => index)
        const combined = combinePieces(tools, a.commitments, mixed)
        if (combined.ok) expect(combined.value.liars).toEqual(foreign)
        else expect(combined.data).toMatchObject({ good: 7 - foreign.length, liars: foreign.join(",") })
      }),
      { numRuns: 20 },
    )
  })

  test("a piece given twice counts once, and a second value under one index is named", () => {
    const tools = toolsOf(2)
    const { commitments, pieces } = shareAmong(tools, 8n, 3, 3)
    const [first, second, third] = pieces
    if (first === undefined || second === undefined || third === undefined) throw new TypeError("three pieces")
    const lie = movedBy(first, 1n)
    const combine = (...given: readonly Piece[]): unknown => {
      const combined = combinePieces(tools, commitments, given)
      return combined.ok ? [numberOf(combined.value.secret), ...combined.value.liars] : combined.data
    }
    expect(combine(first, first, second, third)).toEqual([8n])
    expect(combine(first, lie, second, third)).toEqual([8n, 1])
    expect(combine(lie, first, second, third)).toEqual([8n, 1])
    expect(combine(lie, lie, second, third)).toEqual({ good: 2, threshold: 3, liars: "1" })
    expect(combine(first, first, second, second)).toEqual({ good: 2, threshold: 3, liars: "" })
    expect(combine()).toEqual({ good: 0, threshold: 3, liars: "" })
  })

  test("what is no scalar is a lie, never a crash", () => {
    const tools = toolsOf(3)
    const { commitments, pieces } = shareAmong(tools, 8n, 4, 6)
    const order = Uint8Array.from(Buffer.from(Fn.ORDER.toString(16), "hex"))
    for (const bytes of [new Uint8Array(32), order, new Uint8Array(32).fill(255), new Uint8Array(1), new Uint8Array(33).fill(1)]) {
      const given = [{ index: indexOf(6), value: Secret.take(Uint8Array.from(bytes)) }, ...pieces.slice(0, 5)]
      expect(combinePieces(tools, commitments, given)).toMatchObject({ ok: true, value: { liars: [6] } })
    }
  })

  test("more pieces than four of each index are the caller's mistake", () => {
    const tools = toolsOf(6)
    const { commitments, pieces } = shareAmong(tools, 8n, 2, 2)
    const many = (count: number): readonly Piece[] =>
      Array.from({ length: count }, (_each, at) => pieces[at % 2]).filter((piece) => piece !== undefined)
    expect(combinePieces(tools, commitments, many(1_020)).ok).toBe(true)
    expect(() => combinePieces(tools, commitments, many(1_021))).toThrow(RangeError)
  })

  test("one wrong piece among many is seen by the check of all together, also when the place is badly chosen", () => {
    const tools = toolsOf(4)
    const { commitments, pieces } = shareAmong(tools, 123n, 9, 20)
    expect(verifyPiecesTogether(tools, commitments, pieces)).toBe(true)
    for (let wrong = 0; wrong < pieces.length; wrong++) {
      const given = pieces.map((piece, place) => movedBy(piece, place === wrong ? 1n : 0n))
      expect(verifyPiecesTogether(tools, commitments, given)).toBe(false)
    }
    // A broken random source that names the index of a piece: the check gives way to the one of each.
    const poor = { curve, random: (length: number) => new Uint8Array(length).fill(0).with(length - 1, 7) }
    expect(verifyPiecesTogether(poor, commitments, pieces)).toBe(false)
    expect(combinePieces(poor, commitments, pieces)).toMatchObject({ ok: true, value: { liars: [] } })
  })
})

test("a liar who knows the place at which all are checked together is caught by the check of the secret", () => {
  const { curve } = nativePrimitives
  const tools = { curve, random: seededRandom(5) }
  const { commitments, pieces } = shareAmong(tools, 77n, 5, 5)
  // The place is 1,000: an error that is zero there, and of degree 4, shows nowhere but in the pieces and the secret.
  const known = { curve, random: (length: number) => new Uint8Array(length).with(length - 1, 0xe8).with(length - 2, 3) }
  const error = (x: number): bigint =>
    interpolateAt(
      [
        [1_000, 0n],
        [1, 3n],
        [2, 5n],
        [3, 0n],
        [4, 0n],
      ],
      x,
    )
  const given = pieces.map((piece) => movedBy(piece, error(piece.index)))
  expect(verifyPiecesTogether(known, commitments, given)).toBe(true)
  const liars = indicesTo(5).filter((index) => error(index) !== 0n)
  expect(combinePieces(known, commitments, given)).toMatchObject({ ok: false, data: { liars: liars.join(",") } })
  expect(given.filter(({ index, value }) => !verifyPiece(curve, commitments, index, value)).map(({ index }) => index)).toEqual(liars)
})
