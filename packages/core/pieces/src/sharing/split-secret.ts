import { ok, refuse, type RandomBytes, type Result, type Secret } from "@keygrove/base"
import { randomScalar, SecretPolynomial, type Curve } from "@keygrove/crypto"
import { MAX_CUSTODY_MEMBERS, type PieceIndex } from "../numbers.ts"
import { asCommitments, isThreshold, MIN_THRESHOLD, type Commitments } from "./commitments.ts"

/** What the scheme needs of its platform. */
export interface SharingTools {
  readonly curve: Curve
  readonly random: RandomBytes
}

/** A piece, or a sub-piece: a polynomial's value at the index. */
export interface Piece {
  readonly index: PieceIndex
  /** A scalar in [1, n-1], 32 bytes, big-endian; leading zero bytes are kept. */
  readonly value: Secret
}

/** What is to be shared, and how. */
export interface SplitOrder {
  /** A scalar in [1, n-1], 32 bytes, borrowed: a storage key, or in a redistribution a piece. */
  readonly secret: Secret
  /** So many pieces give it back, 2 to 255. */
  readonly threshold: number
  /** Of the holders: distinct, as many as the threshold at least. */
  readonly indices: readonly PieceIndex[]
}

/**
 * A sharing whose pieces are made one at a time, so that whoever makes many can do other things in between. Owns the polynomial until it is disposed of, and
 * borrows nothing.
 */
export interface PieceSeries extends Disposable {
  readonly commitments: Commitments
  /** The piece of the next index, in the order's order; its value belongs to the caller. `undefined` after the last. */
  next(): Piece | undefined
}

/** Shares a secret. The values of the pieces belong to the caller. */
export function splitSecret(
  tools: SharingTools,
  order: SplitOrder,
): Result<{ readonly commitments: Commitments; readonly pieces: readonly Piece[] }, "SHARING_INVALID"> {
  const begun = beginSharing(tools, order)
  if (!begun.ok) return begun
  using series = begun.value
  const pieces = order.indices.map(() => series.next()).filter((piece) => piece !== undefined)
  return ok({ commitments: series.commitments, pieces })
}

/**
 * Begins to share a secret (Shamir 1979, Feldman 1987): a polynomial with the secret at zero and fresh random coefficients, and the commitments to all of them.
 *
 * Every random coefficient is drawn by the same rule, uniformly from [1, n-1]. In a byte-wise sharing such a rule for the last one alone is a leak, because its
 * holders can cross out one value of each byte in 256. Here it is none: a zero would be public anyway, since its commitment is infinity; t − 1 holders can cross out
 * one candidate of 2²⁵⁶, which the first commitment lets anybody do by one multiplication; and the distance from the uniform distribution is below 2⁻²⁴⁸.
 */
export function beginSharing(tools: SharingTools, order: SplitOrder): Result<PieceSeries, "SHARING_INVALID"> {
  const { indices, secret, threshold } = order
  if (!isThreshold(threshold))
    return refuse("SHARING_INVALID", `${threshold} pieces needed; it must be ${MIN_THRESHOLD} to ${MAX_CUSTODY_MEMBERS}`)
  if (indices.length < threshold) return refuse("SHARING_INVALID", `${indices.length} pieces are fewer than the ${threshold} needed`)
  if (new Set(indices).size !== indices.length) return refuse("SHARING_INVALID", "two pieces of a sharing have the same index")
  if (!tools.curve.isScalar(secret)) return refuse("SHARING_INVALID", "what is to be shared is no scalar from 1 to the group order less 1")
  using undo = new DisposableStack()
  const coefficients = [undo.use(secret.copy())]
  while (coefficients.length < threshold) coefficients.push(undo.use(randomScalar(tools)))
  const polynomial = undo.use(new SecretPolynomial(tools.curve, coefficients))
  const commitments = asCommitments(polynomial.commitments())
  if (!commitments.ok) return commitments
  undo.move()
  const left = indices.values()
  return ok({
    commitments: commitments.value,
    next: () => {
      const { value: index } = left.next()
      return index === undefined ? undefined : { index, value: valueAt(polynomial, index) }
    },
    [Symbol.dispose]: () => polynomial[Symbol.dispose](),
  })
}

/** A piece that is zero has probability 2⁻²⁵⁶; it has no public point and no holder would take it. */
function valueAt(polynomial: SecretPolynomial, index: PieceIndex): Secret {
  const value = polynomial.evaluateAt(index)
  if (value === undefined) throw new RangeError(`the piece with index ${index} is zero; the random source is broken`)
  return value
}
