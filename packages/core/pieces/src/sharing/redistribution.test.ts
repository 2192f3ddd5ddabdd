import { Secret, unwrap } from "@keygrove/base"
import fc from "fast-check"
import { describe, expect, test } from "vitest"
import type { PieceIndex } from "../numbers.ts"
import { combinePieces } from "./combine-pieces.ts"
import { asCommitments, encodeCommitments, type Commitments } from "./commitments.ts"
import { combineSubpieces, redistributedCommitments, verifySubsharing, type Contribution } from "./redistribution.ts"
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
  type Shared,
} from "./sharing-kit.contract.ts"
import { splitSecret, type Piece, type SharingTools } from "./split-secret.ts"
import { verifyPiece } from "./verify-piece.ts"

interface Target {
  readonly threshold: number
  readonly count: number
}

/** What one old holder gives to all new ones. */
interface Given {
  readonly index: PieceIndex
  readonly commitments: Commitments
  readonly subpieces: ReadonlyMap<PieceIndex, Secret>
}

function give(tools: SharingTools, { index, value }: Piece, { count, threshold }: Target): Given {
  const made = unwrap(splitSecret(tools, { secret: value, threshold, indices: indicesTo(count) }))
  return { index, commitments: made.commitments, subpieces: new Map(made.pieces.map((piece) => [piece.index, piece.value])) }
}

const shortSecret = (length: number): Secret => Secret.take(new Uint8Array(length))

const partsFor = (given: readonly Given[], to: PieceIndex): readonly Contribution[] =>
  given.map(({ commitments, index, subpieces }) => ({ index, commitments, subpiece: subpieces.get(to) ?? secretOf(1n) }))

/** Every new holder makes its piece; all must come to the same commitments. */
function receive(tools: SharingTools, from: Commitments, given: readonly Given[], { count, threshold }: Target): Shared {
  const made = indicesTo(count).map((index) => {
    const { commitments, piece } = unwrap(combineSubpieces(tools.curve, { from, threshold, index, contributions: partsFor(given, index) }))
    return { commitments, piece: { index, value: piece } }
  })
  const [first] = made
  if (first === undefined) throw new TypeError("no new holders")
  for (const { commitments } of made) expect(commitments).toEqual(first.commitments)
  return { commitments: first.commitments, pieces: made.map(({ piece }) => piece) }
}

describe.each(bothPlatforms)("redistribution, $implementation", ({ curve }) => {
  const toolsOf = (seed: number) => ({ curve, random: seededRandom(seed) })
  const pointTimes = (value: bigint) => curve.basePointTimesSecret(secretOf(value))

  test("any chain of thresholds and holders keeps the secret, whoever contributes", () => {
    const target = fc
      .tuple(fc.integer({ min: 2, max: 5 }), fc.integer({ min: 0, max: 3 }))
      .map(([threshold, spare]) => ({ threshold, count: threshold + spare }))
    fc.assert(
      fc.property(scalars, fc.array(target, { minLength: 2, maxLength: 4 }), fc.nat(), (secret, [first, ...others], seed) => {
        if (first === undefined) return
        const tools = toolsOf(seed)
        let shared = shareAmong(tools, secret, first.threshold, first.count)
        for (const next of others) {
          const used = shared.pieces.toReversed().slice(0, shared.commitments.length)
          const given = used.map((piece) => give(tools, piece, next))
          expect(given.every((each) => verifySubsharing(curve, shared.commitments, each))).toBe(true)
          const moved = receive(tools, shared.commitments, given, next)
          expect(moved.commitments[0]).toEqual(shared.commitments[0])
          expect(moved.commitments[1]).not.toEqual(shared.commitments[1])
          for (const { index, value } of moved.pieces) expect(verifyPiece(curve, moved.commitments, index, value)).toBe(true)
          shared = moved
        }
        const some = shared.pieces.slice(-shared.commitments.length)
        expect(numberOf(unwrap(combinePieces(tools, shared.commitments, some)).secret)).toBe(secret)
      }),
      { numRuns: 12 },
    )
  })

  test("liars are named by who checks their commitments, and the others move the sharing", () => {
    const tools = toolsOf(1)
    const from = shareAmong(tools, 4242n, 3, 6)
    const to = { threshold: 4, count: 7 }
    const given = from.pieces.map((piece, place) =>
      // Two of six, a minority, share something else than their piece.
      give(tools, place === 1 || place === 4 ? { index: piece.index, value: secretOf(Fn.add(numberOf(piece.value), 1n)) } : piece, to),
    )
    expect(given.filter((each) => !verifySubsharing(curve, from.commitments, each)).map(({ index }) => index)).toEqual([2, 5])
    const refused = redistributedCommitments(curve, from.commitments, 4, given.slice(0, 3))
    expect(refused).toMatchObject({ ok: false, code: "SUBPIECE_INVALID", data: { index: 2 } })
    expect(
      combineSubpieces(curve, {
        from: from.commitments,
        threshold: 4,
        index: indexOf(1),
        contributions: partsFor(given.slice(3, 6), indexOf(1)),
      }),
    ).toMatchObject({ code: "SUBPIECE_INVALID", data: { index: 5 } })
    const honest = [0, 2, 5].flatMap((place) => given[place] ?? [])
    const moved = receive(tools, from.commitments, honest, to)
    expect(numberOf(unwrap(combinePieces(tools, moved.commitments, moved.pieces.slice(3))).secret)).toBe(4242n)
  })

  test("a wrong sub-piece is named by the new holder that got it, and by no other", () => {
    const tools = toolsOf(2)
    const from = shareAmong(tools, 17n, 3, 5)
    const given = from.pieces.slice(0, 3).map((piece) => give(tools, piece, { threshold: 2, count: 4 }))
    const order = (index: PieceIndex, contributions: readonly Contribution[]) => ({
      from: from.commitments,
      threshold: 2,
      index,
      contributions,
    })
    const parts = partsFor(given, indexOf(3))
    for (const [place, wrong] of [
      [0, 1n],
      [1, Fn.ORDER - 1n],
      [2, 5n],
    ] as const) {
      const spoiled = parts.map((part, at) => (at === place ? { ...part, subpiece: secretOf(wrong) } : part))
      expect(combineSubpieces(curve, order(indexOf(3), spoiled))).toMatchObject({ code: "SUBPIECE_INVALID", data: { index: place + 1 } })
    }
    const zero = parts.map((part, at) => (at === 1 ? { ...part, subpiece: shortSecret(32) } : part))
    expect(combineSubpieces(curve, order(indexOf(3), zero))).toMatchObject({ code: "SUBPIECE_INVALID", data: { index: 2 } })
    const short = parts.map((part, at) => (at === 2 ? { ...part, subpiece: shortSecret(31) } : part))
    expect(combineSubpieces(curve, order(indexOf(3), short))).toMatchObject({ code: "SUBPIECE_INVALID", data: { index: 3 } })
    // Somebody else's sub-piece is as wrong as any.
    expect(combineSubpieces(curve, order(indexOf(2), parts))).toMatchObject({ code: "SUBPIECE_INVALID", data: { index: 1 } })
    expect(combineSubpieces(curve, order(indexOf(4), partsFor(given, indexOf(4)))).ok).toBe(true)
  })

  test("who shows different commitments to different new holders splits them into sharings that do not mix", () => {
    const tools = toolsOf(3)
    const from = shareAmong(tools, 23n, 2, 4)
    const to = { threshold: 3, count: 5 }
    const [first, second] = from.pieces
    if (first === undefined || second === undefined) throw new TypeError("no pieces")
    const honest = give(tools, first, to)
    const faces = [give(tools, second, to), give(tools, second, to)].map((liar) => receive(tools, from.commitments, [honest, liar], to))
    const [left, right] = faces
    if (left === undefined || right === undefined) throw new TypeError("two faces")
    // The commitments are in the id that each receipt names, so no statement can show enough receipts of both.
    expect(left.commitments[0]).toEqual(right.commitments[0])
    expect(left.commitments).not.toEqual(right.commitments)
    const mixed = [...left.pieces.slice(0, 2), ...right.pieces.slice(2)]
    expect(combinePieces(tools, left.commitments, mixed)).toMatchObject({ ok: false, data: { good: 2, liars: "3,4,5" } })
  })

  test("lies that cancel out leave a right piece of the right secret", () => {
    const tools = toolsOf(4)
    const from = shareAmong(tools, 31n, 3, 3)
    const to = { threshold: 2, count: 3 }
    // λ = 3, −3, 1 for the indices 1, 2, 3: both first add the same error.
    const given = from.pieces.map(({ index, value }) =>
      give(tools, { index, value: index === 3 ? value : secretOf(Fn.add(numberOf(value), 9n)) }, to),
    )
    expect(given.map((each) => verifySubsharing(curve, from.commitments, each))).toEqual([false, false, true])
    const moved = receive(tools, from.commitments, given, to)
    expect(numberOf(unwrap(combinePieces(tools, moved.commitments, moved.pieces.slice(1))).secret)).toBe(31n)
  })

  test("too few, too many and repeated contributions, and those for another threshold, are refused", () => {
    const tools = toolsOf(5)
    const from = shareAmong(tools, 31n, 3, 5)
    const given = from.pieces.map((piece) => give(tools, piece, { threshold: 2, count: 3 }))
    const sum = (contributions: readonly Given[], threshold = 2): unknown =>
      redistributedCommitments(curve, from.commitments, threshold, contributions)
    const [a, b, c, d] = given
    if (a === undefined || b === undefined || c === undefined || d === undefined) throw new TypeError("five pieces")
    expect(sum([a, b])).toMatchObject({ code: "SHARING_INVALID" })
    expect(sum([a, b, c, d])).toMatchObject({ code: "SHARING_INVALID" })
    expect(sum([a, b, a])).toMatchObject({ code: "SHARING_INVALID" })
    for (const none of [0, 1, 256, Number.NaN]) expect(sum([a, b, c], none)).toMatchObject({ code: "SHARING_INVALID" })
    expect(sum([a, b, c], 3)).toMatchObject({ code: "SUBPIECE_INVALID", data: { index: 1 } })
    const longer = give(tools, { index: b.index, value: from.pieces[1]?.value ?? secretOf(1n) }, { threshold: 3, count: 3 })
    expect(sum([a, longer, c])).toMatchObject({ code: "SUBPIECE_INVALID", data: { index: 2 } })
    expect(sum([a, b, c])).toMatchObject({ ok: true })
  })

  test("commitments that add up to infinity are refused, and named is who has no sub-piece for them", () => {
    // λ = 2, −1 for the indices 1 and 2; f(x) = 3 + 4x, so the pieces are 7 and 11, and the sums at degree 1 are 2·a − b.
    const from = unwrap(asCommitments([pointTimes(3n), pointTimes(4n)]))
    const contributions = [
      { index: indexOf(1), commitments: unwrap(asCommitments([pointTimes(7n), pointTimes(5n)])) },
      { index: indexOf(2), commitments: unwrap(asCommitments([pointTimes(11n), pointTimes(10n)])) },
    ]
    expect(redistributedCommitments(curve, from, 2, contributions)).toMatchObject({ ok: false, code: "SHARING_INVALID" })
    // g₁(3) = 7 + 3·5 is right; the second old holder took a multiple of the first one's point and cannot know 11 + 3·10.
    const combine = (second: bigint): unknown =>
      combineSubpieces(curve, {
        from,
        threshold: 2,
        index: indexOf(3),
        contributions: contributions.map((each, place) => ({ ...each, subpiece: secretOf(place === 0 ? 22n : second) })),
      })
    expect(combine(12n)).toMatchObject({ code: "SUBPIECE_INVALID", data: { index: 2 } })
    expect(combine(41n)).toMatchObject({ code: "SHARING_INVALID" })
  })

  test("one old and one new holder less than needed know nothing together", () => {
    const [t, next] = [3, 3]
    const tools = toolsOf(6)
    const from = shareAmong(tools, 1234n, t, 5)
    const used = from.pieces.slice(0, t)
    const given = used.map((piece) => give(tools, piece, { threshold: next, count: 5 }))
    // The adversary is the first t − 1 old holders, with all that they made, and the new holders 1 to t' − 1, with all that they got.
    const honest = given[t - 1]
    if (honest === undefined) throw new TypeError("an honest holder")
    const seen = indicesTo(next - 1).map((index) => [index, numberOf(honest.subpieces.get(index) ?? secretOf(1n))] as const)
    const known = used.slice(0, t - 1).map(({ index, value }) => [index, numberOf(value)] as const)
    for (const candidate of [1n, 1234n, 99n, Fn.ORDER - 1n]) {
      // There is an old polynomial with this secret and the known pieces; it fixes the honest piece.
      const old = [[0, candidate] as const, ...known]
      const piece = interpolateAt(old, honest.index)
      // And for that piece an honest sub-polynomial with the sub-pieces that were seen.
      const sub = [[0, piece] as const, ...seen]
      expect([old.length, sub.length]).toEqual([t, next])
      for (const [index, value] of seen) expect(interpolateAt(sub, index)).toBe(value)
      for (const [index, value] of known) expect(interpolateAt(old, index)).toBe(value)
      // With it, the new pieces of honest holders would be others, and the moved secret the candidate.
      const weights = used.map(({ index }) =>
        interpolateAt(
          used.map((each) => [each.index, each.index === index ? 1n : 0n] as const),
          0,
        ),
      )
      const contributed = used.map((each, place) => (place === t - 1 ? piece : numberOf(each.value)))
      expect(contributed.reduce((sum, value, place) => Fn.add(sum, Fn.mul(weights[place] ?? 0n, value)), 0n)).toBe(candidate)
    }
  })

  test("encodes the moved commitments as any", () => {
    const tools = toolsOf(7)
    const from = shareAmong(tools, 5n, 2, 3)
    const given = from.pieces.slice(1).map((piece) => give(tools, piece, { threshold: 2, count: 3 }))
    const commitments = unwrap(redistributedCommitments(curve, from.commitments, 2, given))
    expect(encodeCommitments(curve, commitments).map(({ length }) => length)).toEqual([33, 33])
  })
})
