import { ok, refuse, type Brand, type Result } from "@keygrove/base"
import { SCALAR_BYTES, type Curve, type Point, type Scalar } from "@keygrove/crypto"
import { MAX_CUSTODY_MEMBERS, type PieceIndex } from "../numbers.ts"

/** Fewest pieces that may be needed: with 1, every piece is the secret. */
export const MIN_THRESHOLD = 2

/** Feldman's commitments to a polynomial: Cₖ = aₖ·G, the lowest coefficient first; as many as pieces are needed, 2 to 255. The first is the public key of the secret. */
export type Commitments = Brand<readonly Point[], "Commitments">

/** Checks 33-byte points as the commitments of a sharing. Infinity has no such form, so no coefficient was zero. */
export function decodeCommitments(curve: Curve, encoded: readonly Uint8Array[]): Result<Commitments, "SHARING_INVALID"> {
  const points: Point[] = []
  for (const bytes of encoded.slice(0, MAX_CUSTODY_MEMBERS + 1)) {
    const point = curve.decodePoint(bytes)
    if (!point.ok) return refuse("SHARING_INVALID", `commitment ${points.length} of a sharing is not a point: ${point.message}`)
    points.push(point.value)
  }
  return asCommitments(points)
}

/** Whether so many pieces may be needed: 2 to 255. */
export function isThreshold(count: number): boolean {
  return Number.isSafeInteger(count) && count >= MIN_THRESHOLD && count <= MAX_CUSTODY_MEMBERS
}

/** Checks the number of commitments. */
export function asCommitments(points: readonly Point[]): Result<Commitments, "SHARING_INVALID"> {
  if (isThreshold(points.length)) return ok(points as Commitments)
  return refuse("SHARING_INVALID", `a sharing has ${MIN_THRESHOLD} to ${MAX_CUSTODY_MEMBERS} commitments, not ${points.length}`)
}

/** The 33-byte forms of commitments, as the ledger has them. */
export function encodeCommitments(curve: Curve, commitments: Commitments): readonly Uint8Array[] {
  return commitments.map((point) => curve.encodePoint(point))
}

/**
 * s·G of the piece s with this index, from the commitments alone: Σ indexᵏ·Cₖ, by Horner's rule, so that every multiplication is by the index and no longer than
 * its 8 bits. `undefined` is infinity: only a dishonest owner makes a piece zero, and no such piece is accepted.
 */
export function piecePoint(curve: Curve, commitments: Commitments, index: PieceIndex): Point | undefined {
  const factor = scalarOfIndex(index)
  let sum: Point | undefined
  for (const commitment of commitments.toReversed())
    sum = sum === undefined ? commitment : curve.add(curve.multiplyPublic(sum, factor), commitment)
  return sum
}

/** An index is 1 to 255 by its type, so the cast is safe. */
function scalarOfIndex(index: PieceIndex): Scalar {
  const bytes = new Uint8Array(SCALAR_BYTES)
  bytes[SCALAR_BYTES - 1] = index
  return bytes as Scalar
}
