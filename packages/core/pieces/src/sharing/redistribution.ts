import { equalBytes, ok, refuse, type Result, type Secret } from "@keygrove/base"
import { lagrangeAtIndices, type Curve, type Point } from "@keygrove/crypto"
import type { PieceIndex } from "../numbers.ts"
import { asCommitments, isThreshold, piecePoint, type Commitments } from "./commitments.ts"
import { interpolate } from "./combine-pieces.ts"
import { verifyPiece } from "./verify-piece.ts"

/** What is public of one old holder's part in a redistribution: it shared its piece, with `beginSharing`, among the new holders. */
export interface PublicContribution {
  /** Of the old holder in the old sharing. */
  readonly index: PieceIndex
  /** Of the polynomial with which it shared its piece. */
  readonly commitments: Commitments
}

/** What one new holder gets of one old holder. */
export interface Contribution extends PublicContribution {
  /** The sub-piece for this new holder, 32 bytes; borrowed. */
  readonly subpiece: Secret
}

/** What a new holder makes its piece of. */
export interface SubpieceOrder {
  /** The commitments of the old sharing. */
  readonly from: Commitments
  /** Of the new sharing: so many pieces give the secret back, 2 to 255. */
  readonly threshold: number
  /** Of the new holder in the new sharing. */
  readonly index: PieceIndex
  /** As many as the old sharing needs pieces, each of another old holder; all new holders must get the same ones. */
  readonly contributions: readonly Contribution[]
}

export type RedistributionRefusal = "SHARING_INVALID" | "SUBPIECE_INVALID"

/** Whether an old holder shared its own piece of the old sharing and nothing else: the first of its commitments is the public point of that piece. */
export function verifySubsharing(curve: Curve, from: Commitments, contribution: PublicContribution): boolean {
  const expected = piecePoint(curve, from, contribution.index)
  const [first] = contribution.commitments
  return expected !== undefined && first !== undefined && equalBytes(expected, first)
}

/**
 * The commitments of the moved sharing: C′ₖ = Σ λᵢ·Cᵢₖ over the contributions of exactly as many old holders as the old sharing needs. Everything here is public,
 * so everybody computes the same. The first equals that of the old sharing, else a liar is named in `data.index` of `SUBPIECE_INVALID`, and so is who shared for
 * another threshold. `SHARING_INVALID` are contributions that are too few, too many or repeated. Takes one multiplication for each old times new piece needed.
 */
export function redistributedCommitments(
  curve: Curve,
  from: Commitments,
  threshold: number,
  contributions: readonly PublicContribution[],
): Result<Commitments, RedistributionRefusal> {
  const summed = sumCommitments(curve, from, threshold, contributions)
  if (!summed.ok) return summed
  const [first] = summed.value
  if (first !== undefined && equalBytes(first, from[0] ?? new Uint8Array(0))) return summed
  const liar = contributions.find((each) => !verifySubsharing(curve, from, each))
  return liar === undefined ? broken() : lie(liar.index, "did not share its piece of the old sharing")
}

/**
 * The new holder's piece of the moved sharing, which belongs to the caller, and the commitments of that. The piece is checked against them, and their first one
 * against the old sharing; when either fails, `SUBPIECE_INVALID` names an old holder that lied in `data.index`. That both hold suffices: lies that
 * cancel out in the sums leave a right piece of the right secret.
 */
export function combineSubpieces(
  curve: Curve,
  order: SubpieceOrder,
): Result<{ readonly piece: Secret; readonly commitments: Commitments }, RedistributionRefusal> {
  const { contributions, from, index, threshold } = order
  const commitments = redistributedCommitments(curve, from, threshold, contributions)
  if (!commitments.ok && commitments.code === "SUBPIECE_INVALID") return commitments
  const piece =
    commitments.ok && contributions.every(({ subpiece }) => curve.isScalar(subpiece)) ? sumSubpieces(curve, contributions) : undefined
  if (commitments.ok && piece !== undefined && verifyPiece(curve, commitments.value, index, piece))
    return ok({ piece, commitments: commitments.value })
  piece?.[Symbol.dispose]()
  // Also when the commitments add up to infinity: who brought that about by the last of them does not know its logarithm, and has no sub-piece for it.
  const liar = contributions.find((each) => !verifyPiece(curve, each.commitments, index, each.subpiece))
  if (liar !== undefined) return lie(liar.index, "gave a sub-piece that does not match its commitments")
  return commitments.ok ? broken() : commitments
}

function sumSubpieces(curve: Curve, contributions: readonly Contribution[]): Secret | undefined {
  return interpolate(
    curve,
    contributions.map(({ index, subpiece }) => ({ index, value: subpiece })),
  )
}

function sumCommitments(
  curve: Curve,
  from: Commitments,
  threshold: number,
  contributions: readonly PublicContribution[],
): Result<Commitments, RedistributionRefusal> {
  if (contributions.length !== from.length)
    return refuse(
      "SHARING_INVALID",
      `${contributions.length} contributions to a redistribution; the old sharing needs exactly ${from.length}`,
    )
  // Before anybody is named for sharing otherwise.
  if (!isThreshold(threshold)) return refuse("SHARING_INVALID", `a sharing cannot move to ${threshold} pieces needed`)
  const other = contributions.find(({ commitments }) => commitments.length !== threshold)
  if (other !== undefined) return lie(other.index, `shared its piece for a threshold of ${other.commitments.length}, not ${threshold}`)
  const factors = lagrangeAtIndices(contributions.map(({ index }) => index))
  if (!factors.ok) return refuse("SHARING_INVALID", `contributions to a redistribution: ${factors.message}`)
  const sums: Point[] = []
  for (let k = 0; k < threshold; k++) {
    const terms = contributions.flatMap(({ commitments }) => commitments[k] ?? [])
    const sum = curve.combinePublic(terms, factors.value)
    if (sum === undefined) return broken()
    sums.push(sum)
  }
  return asCommitments(sums)
}

function lie(index: PieceIndex, what: string): Result<never, "SUBPIECE_INVALID"> {
  return refuse("SUBPIECE_INVALID", `the old holder with index ${index} ${what}; begin another attempt without it`, { index })
}

/** A sum that is zero: with one honest contribution its probability is 2⁻²⁵⁶. */
function broken(): Result<never, "SHARING_INVALID"> {
  return refuse("SHARING_INVALID", "the contributions to a redistribution add up to a zero; begin another attempt with other old holders")
}
