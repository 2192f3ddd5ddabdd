import { equalBytes, ok, refuse, unwrap, type Result, type Secret } from "@keygrove/base"
import { lagrangeAtIndices, type Curve } from "@keygrove/crypto"
import { MAX_CUSTODY_MEMBERS, type PieceIndex } from "../numbers.ts"
import type { Commitments } from "./commitments.ts"
import type { Piece, SharingTools } from "./split-secret.ts"
import { sumOfProducts } from "./sum-of-products.ts"
import { verifyPiece, verifyPiecesTogether } from "./verify-piece.ts"

/** What pieces gave. */
export interface CombinedPieces {
  /** Belongs to the caller. */
  readonly secret: Secret
  /** Indices under which a value came that is not the piece, in rising order. One may be among those used, when the right value came too. */
  readonly liars: readonly PieceIndex[]
}

/** Most pieces that are looked at, right, wrong and repeated; whoever takes pieces from others has a narrower limit. */
const MAX_PIECES_GIVEN: number = 4 * MAX_CUSTODY_MEMBERS

/**
 * The secret of a sharing from its pieces, which are borrowed. Each is checked against the commitments; wrong ones are named and left out, and of one index given
 * several times the right value counts once. Refuses `PIECES_INSUFFICIENT` when too few are right, with `good`, `threshold` and `liars` (indices, separated by commas)
 * in its data.
 * @throws RangeError for more than 1,020 pieces.
 */
export function combinePieces(
  tools: SharingTools,
  commitments: Commitments,
  pieces: readonly Piece[],
): Result<CombinedPieces, "PIECES_INSUFFICIENT"> {
  if (pieces.length > MAX_PIECES_GIVEN)
    throw new RangeError(`${pieces.length} pieces of one sharing; at most ${MAX_PIECES_GIVEN} are looked at`)
  return combineTogether(tools, commitments, pieces) ?? combineOneByOne(tools.curve, commitments, pieces)
}

/** Fewer pieces are checked faster one by one. */
const MIN_TOGETHER = 4

/** What is done when nobody lies: all pieces are checked by one equation. `undefined` when something is not as it should be. */
function combineTogether(
  tools: SharingTools,
  commitments: Commitments,
  pieces: readonly Piece[],
): Result<CombinedPieces, never> | undefined {
  const isWhole = pieces.length >= commitments.length && new Set(pieces.map(({ index }) => index)).size === pieces.length
  if (pieces.length < MIN_TOGETHER || !isWhole || !verifyPiecesTogether(tools, commitments, pieces)) return undefined
  const secret = interpolate(tools.curve, pieces.slice(0, commitments.length))
  if (secret !== undefined && isSecretOf(tools.curve, commitments, secret)) return ok({ secret, liars: [] })
  secret?.[Symbol.dispose]()
  return undefined
}

function combineOneByOne(curve: Curve, commitments: Commitments, pieces: readonly Piece[]): Result<CombinedPieces, "PIECES_INSUFFICIENT"> {
  const { good, liars } = sortPieces(curve, commitments, pieces)
  const threshold = commitments.length
  if (good.length < threshold) {
    const wrong = liars.length === 0 ? "" : `, wrong are those with index ${liars.join(", ")}`
    return refuse(
      "PIECES_INSUFFICIENT",
      `${good.length} of ${pieces.length} pieces are right${wrong}; ${threshold} are needed, ask more holders`,
      { good: good.length, threshold, liars: liars.join(",") },
    )
  }
  const secret = interpolate(curve, good.slice(0, threshold))
  if (secret !== undefined && isSecretOf(curve, commitments, secret)) return ok({ secret, liars })
  secret?.[Symbol.dispose]()
  throw new RangeError("right pieces do not give the secret; the curve implementation is broken")
}

function isSecretOf(curve: Curve, commitments: Commitments, secret: Secret): boolean {
  return equalBytes(curve.basePointTimesSecret(secret), commitments[0] ?? new Uint8Array(0))
}

function sortPieces(
  curve: Curve,
  commitments: Commitments,
  pieces: readonly Piece[],
): { readonly good: readonly Piece[]; readonly liars: readonly PieceIndex[] } {
  const good = new Map<PieceIndex, Piece>()
  const liars = new Set<PieceIndex>()
  for (const piece of pieces) {
    const known = good.get(piece.index)
    // Exactly one value is right, so once it is known, equality is the check.
    const isRight = known === undefined ? verifyPiece(curve, commitments, piece.index, piece.value) : known.value.equals(piece.value)
    if (!isRight) liars.add(piece.index)
    else if (known === undefined) good.set(piece.index, piece)
  }
  return { good: [...good.values()], liars: [...liars].toSorted((a, b) => a - b) }
}

/** Σ λᵢ·sᵢ, the value at zero of the polynomial through pieces of distinct indices; `undefined` when it is zero. Belongs to the caller. */
export function interpolate(curve: Curve, pieces: readonly Piece[]): Secret | undefined {
  const factors = unwrap(lagrangeAtIndices(pieces.map(({ index }) => index)))
  return sumOfProducts(
    curve,
    pieces.map(({ value }) => value),
    factors,
  )
}
