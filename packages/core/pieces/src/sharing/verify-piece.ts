import { equalBytes, type Secret } from "@keygrove/base"
import type { Curve } from "@keygrove/crypto"
import type { PieceIndex } from "../numbers.ts"
import { piecePoint, type Commitments } from "./commitments.ts"

/**
 * Whether a piece is the one of its index (Feldman 1987): s·G = Σ indexᵏ·Cₖ. Exactly one value passes, so whoever gets it knows that any holders of enough
 * accepted pieces have the same secret. The same check serves a sub-piece under the commitments of its old holder.
 */
export function verifyPiece(curve: Curve, commitments: Commitments, index: PieceIndex, piece: Secret): boolean {
  if (!curve.isScalar(piece)) return false
  const expected = piecePoint(curve, commitments, index)
  return expected !== undefined && equalBytes(curve.basePointTimesSecret(piece), expected)
}
