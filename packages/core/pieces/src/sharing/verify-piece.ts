import { equalBytes, unwrap, type Secret } from "@keygrove/base"
import { lagrangeAtIndices, powersOf, randomScalar, type Curve, type Scalar } from "@keygrove/crypto"
import type { PieceIndex } from "../numbers.ts"
import { piecePoint, type Commitments } from "./commitments.ts"
import type { Piece, SharingTools } from "./split-secret.ts"
import { sumOfProducts } from "./sum-of-products.ts"

/**
 * Whether a piece is the one of its index (Feldman 1987): s·G = Σ indexᵏ·Cₖ. Exactly one value passes, so whoever gets it knows that any holders of enough
 * accepted pieces have the same secret. The same check serves a sub-piece under the commitments of its old holder.
 */
export function verifyPiece(curve: Curve, commitments: Commitments, index: PieceIndex, piece: Secret): boolean {
  if (!curve.isScalar(piece)) return false
  const expected = piecePoint(curve, commitments, index)
  return expected !== undefined && equalBytes(curve.basePointTimesSecret(piece), expected)
}

/**
 * Whether all pieces, of distinct indices and as many as the threshold or more, are right, by one equation: the polynomial through them and the committed one have
 * the same value at a random place, times G. If one piece is wrong, the two agree at 254 of 2²⁵⁶ places at most. As many multiplications of points as commitments,
 * however many pieces; one after the other each piece takes so many.
 */
export function verifyPiecesTogether(tools: SharingTools, commitments: Commitments, pieces: readonly Piece[]): boolean {
  const { curve } = tools
  if (!pieces.every(({ value }) => curve.isScalar(value))) return false
  const place = publicScalar(tools)
  const factors = lagrangeAtIndices(
    pieces.map(({ index }) => index),
    place,
  )
  if (!factors.ok) return false
  using value = sumOfProducts(
    curve,
    pieces.map((piece) => piece.value),
    factors.value,
  )
  const expected = curve.combinePublic(commitments, powersOf(place, commitments.length))
  return value !== undefined && expected !== undefined && equalBytes(curve.basePointTimesSecret(value), expected)
}

/** A random scalar that is no secret once the pieces are there. */
function publicScalar(tools: SharingTools): Scalar {
  using scalar = randomScalar(tools)
  return unwrap(scalar.expose((bytes) => tools.curve.decodeScalar(bytes)))
}
