import { refuse, ok, type Result } from "@keygrove/base"
import { Field, FpInvertBatch } from "@noble/curves/abstract/modular.js"
import { numberToBytesBE } from "@noble/curves/utils.js"
import { SCALAR_BYTES, type Scalar } from "./curve.ts"
import { GROUP_ORDER } from "./group-order.ts"

const field = Field(GROUP_ORDER)

/** Largest argument: the index of a key piece. */
export const MAX_LAGRANGE_INDEX = 255
/** Factors below 2⁸ that are multiplied as plain numbers, exactly: their product is below 2⁴⁸. */
const RUN = 6

/**
 * Lagrange coefficients at zero, λₖ = Π_{j≠k} xⱼ / (xⱼ − xₖ), for public indices from 1 to 255. The same as `lagrangeAtZero`, a tenth of the time: the products are
 * of small whole numbers, so that one reduction for each coefficient and one inversion for all are enough.
 */
export function lagrangeAtIndices(indices: readonly number[]): Result<readonly Scalar[], "ARGUMENTS_REPEATED"> {
  if (!indices.every((index) => Number.isSafeInteger(index) && index >= 1 && index <= MAX_LAGRANGE_INDEX))
    return refuse("ARGUMENTS_REPEATED", `the indices of pieces must be whole numbers from 1 to ${MAX_LAGRANGE_INDEX}`)
  if (new Set(indices).size !== indices.length)
    return refuse("ARGUMENTS_REPEATED", `the ${indices.length} indices of the pieces must be distinct`)
  const numerators = indices.map((own) => productOf(indices, (other) => (other === own ? 1 : other)))
  const denominators = indices.map((own) => productOf(indices, (other) => (other === own ? 1 : other - own)))
  const inverses = FpInvertBatch(field, denominators)
  return ok(numerators.map((numerator, k) => numberToBytesBE(field.mul(numerator, inverses[k] ?? 0n), SCALAR_BYTES) as Scalar))
}

/** Π factor(index) modulo n. */
function productOf(indices: readonly number[], factor: (index: number) => number): bigint {
  let product = 1n
  let run = 1
  let length = 0
  for (const index of indices) {
    run *= factor(index)
    if (++length === RUN) {
      product *= BigInt(run)
      run = 1
      length = 0
    }
  }
  return field.create(product * BigInt(run))
}
