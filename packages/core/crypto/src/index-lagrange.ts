import { ok, refuse, type Result } from "@keygrove/base"
import { Field, FpInvertBatch } from "@noble/curves/abstract/modular.js"
import { bytesToNumberBE, numberToBytesBE } from "@noble/curves/utils.js"
import { SCALAR_BYTES, type Scalar } from "./curve.ts"
import { GROUP_ORDER } from "./group-order.ts"

const field = Field(GROUP_ORDER)

/** Largest index of a key piece. */
const MAX_INDEX = 255
/** Differences of indices are below 2⁸, so that a plain number holds the product of so many exactly. */
const EXACT_FACTORS = 6

/**
 * Lagrange coefficients for public indices from 1 to 255, at a public place or at zero: λₖ = Π_{j≠k} (place − xⱼ) / (xₖ − xⱼ). A value of a polynomial of lower degree
 * than there are indices is Σ λₖ·f(xₖ). At zero the same as `lagrangeAtZero`, in a twentieth of the time: the denominators are products of small whole numbers.
 * Refuses repeated indices, and a place that is one of them.
 */
export function lagrangeAtIndices(indices: readonly number[], place?: Scalar): Result<readonly Scalar[], "ARGUMENTS_REPEATED"> {
  if (!indices.every((index) => Number.isSafeInteger(index) && index >= 1 && index <= MAX_INDEX))
    return refuse("ARGUMENTS_REPEATED", `the indices of pieces must be whole numbers from 1 to ${MAX_INDEX}`)
  if (new Set(indices).size !== indices.length)
    return refuse("ARGUMENTS_REPEATED", `the ${indices.length} indices of the pieces must be distinct`)
  const at = place === undefined ? 0n : field.create(bytesToNumberBE(place))
  const distances = indices.map((index) => field.create(at - BigInt(index)))
  if (distances.includes(0n))
    return refuse("ARGUMENTS_REPEATED", "the place to interpolate at is the index of a piece, whose value is known")
  // Π_{j≠k} (place − xⱼ) is the product of all over its own, so one division for each coefficient serves both parts.
  const all = distances.reduce((product, distance) => field.mul(product, distance), 1n)
  const inverses = FpInvertBatch(
    field,
    distances.map((distance, k) => field.mul(distance, spreadOf(indices, k))),
  )
  return ok(inverses.map((inverse) => numberToBytesBE(field.mul(all, inverse ?? 0n), SCALAR_BYTES) as Scalar))
}

/** Π_{j≠k} (xₖ − xⱼ) modulo n. */
function spreadOf(indices: readonly number[], k: number): bigint {
  const own = indices[k] ?? 0
  let product = 1n
  let exact = 1
  let factors = 0
  for (const index of indices) {
    if (index === own) continue
    exact *= own - index
    if (++factors < EXACT_FACTORS) continue
    product *= BigInt(exact)
    exact = 1
    factors = 0
  }
  return field.create(product * BigInt(exact))
}
