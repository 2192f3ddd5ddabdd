import { ok, refuse, Secret, type Result } from "@keygrove/base"
import { bytesToNumberBE, numberToBytesBE } from "@noble/curves/utils.js"
import { Field, FpInvertBatch } from "@noble/curves/abstract/modular.js"
import { SCALAR_BYTES, type Curve, type Point, type Scalar } from "./curve.ts"
import { GROUP_ORDER } from "./group-order.ts"
import { fromLimbs, hornerInLimbs, MAX_HORNER_ARGUMENT, toLimbs, VALUE_LIMBS } from "./secret-horner.ts"

const field = Field(GROUP_ORDER)

/**
 * A polynomial over the scalar field of secp256k1 with secret coefficients, lowest degree first. Owns them: disposal wipes all.
 * It serves fragments of a policy as well as key pieces; the secret that it shares is its value at zero.
 */
export class SecretPolynomial implements Disposable {
  readonly #curve: Curve
  readonly #coefficients: readonly Secret[]
  /** The same coefficients for {@link SecretPolynomial.evaluateAt}, once it was asked for. */
  #limbs: Secret | undefined

  /** @param coefficients 1 or more scalars in [1, n-1], 32 bytes each, taken over; the last must not be zero, else the threshold is lower than it seems. */
  constructor(curve: Curve, coefficients: readonly Secret[]) {
    if (coefficients.length === 0) throw new RangeError("a polynomial needs at least one coefficient")
    if (!coefficients.every((each) => curve.isScalar(each))) throw new RangeError("every coefficient must be a scalar in [1, n-1]")
    this.#curve = curve
    this.#coefficients = coefficients
  }

  /** Number of values that determine the polynomial. */
  get threshold(): number {
    return this.#coefficients.length
  }

  /**
   * f(argument) by Horner's rule, in time that depends only on the degree. The result belongs to the caller; `undefined` where f is
   * zero, which happens with probability 2⁻²⁵⁶ for random coefficients.
   */
  evaluate(argument: Secret): Secret | undefined {
    let value: Secret | undefined
    for (const coefficient of this.#coefficients.toReversed()) {
      const next = value === undefined ? coefficient.copy() : this.#stepFrom(value, argument, coefficient)
      value?.[Symbol.dispose]()
      value = next
    }
    return value
  }

  /**
   * f(argument) for a public whole number from 1 to 255, such as the index of a key piece; many times as fast as {@link SecretPolynomial.evaluate}. The result
   * belongs to the caller; `undefined` where f is zero.
   * @throws RangeError for another argument.
   */
  evaluateAt(argument: number): Secret | undefined {
    if (!Number.isSafeInteger(argument) || argument < 1 || argument > MAX_HORNER_ARGUMENT)
      throw new RangeError(`a polynomial is evaluated at 1 to ${MAX_HORNER_ARGUMENT}, got ${argument}`)
    this.#limbs ??= limbsOf(this.#coefficients)
    using unreduced = Secret.fill(VALUE_LIMBS * 2, (bytes) =>
      this.#limbs?.expose((limbs) => hornerInLimbs(as16(limbs), argument, as16(bytes))),
    )
    let isZero = false
    const value = Secret.fill(SCALAR_BYTES, (bytes) => {
      isZero = unreduced.expose((limbs) => fromLimbs(as16(limbs), bytes))
    })
    if (!isZero) return value
    value[Symbol.dispose]()
    return undefined
  }

  /** aₖ·G for each coefficient, the lowest first: Feldman's commitments, which say nothing of the coefficients that a discrete logarithm would not. */
  commitments(): readonly Point[] {
    return this.#coefficients.map((coefficient) => this.#curve.basePointTimesSecret(coefficient))
  }

  /** value·argument + coefficient. A sum of zero inside restarts Horner's rule from zero, which {@link SecretPolynomial.evaluate} does by itself. */
  #stepFrom(value: Secret, argument: Secret, coefficient: Secret): Secret | undefined {
    using product = this.#curve.multiplySecrets(value, argument)
    return this.#curve.addSecrets(product, coefficient)
  }

  [Symbol.dispose](): void {
    for (const coefficient of this.#coefficients) coefficient[Symbol.dispose]()
    this.#limbs?.[Symbol.dispose]()
    this.#limbs = undefined
  }
}

/** All coefficients in limbs, one after the other. Belongs to the caller. */
function limbsOf(coefficients: readonly Secret[]): Secret {
  return Secret.fill(coefficients.length * VALUE_LIMBS * 2, (target) => {
    const all = as16(target)
    for (const [place, coefficient] of coefficients.entries())
      coefficient.expose((bytes) => toLimbs(bytes, all.subarray(place * VALUE_LIMBS, (place + 1) * VALUE_LIMBS)))
  })
}

/** The same memory; that of a secret begins at an even address of its buffer. */
function as16(bytes: Uint8Array): Uint16Array {
  return new Uint16Array(bytes.buffer, bytes.byteOffset, bytes.length / 2)
}

/**
 * Lagrange coefficients at zero for public, distinct, non-zero arguments: λₖ = Π_{j≠k} xⱼ / (xⱼ − xₖ). Big integers are fine here, everything
 * is public. Repeated arguments are refused after reduction, because they would divide by zero.
 */
export function lagrangeAtZero(args: readonly Scalar[]): Result<readonly Scalar[], "ARGUMENTS_REPEATED"> {
  const xs = args.map((bytes) => field.create(bytesToNumberBE(bytes)))
  const refusal = refuse("ARGUMENTS_REPEATED", `the ${args.length} arguments of the shares must be distinct and not zero`)
  if (new Set(xs).size !== xs.length || xs.includes(0n)) return refusal
  const denominators = xs.map((x, k) => xs.reduce((product, other, j) => (j === k ? product : field.mul(product, field.sub(other, x))), 1n))
  // Π_{j≠k} xⱼ = (Π xⱼ) / xₖ, so one division for each coefficient serves both parts.
  const all = xs.reduce((product, x) => field.mul(product, x), 1n)
  const inverses = FpInvertBatch(
    field,
    denominators.map((denominator, k) => field.mul(denominator, xs[k] ?? 0n)),
  )
  return ok(inverses.map((inverse) => numberToBytesBE(field.mul(all, inverse ?? 0n), SCALAR_BYTES) as Scalar))
}

/** 1, x, x², … of a public scalar: what the coefficients of a polynomial are worth in its value there. None is zero, because the order is prime. */
export function powersOf(argument: Scalar, count: number): readonly Scalar[] {
  const factor = bytesToNumberBE(argument)
  let power = 1n
  return Array.from({ length: count }, () => {
    const scalar = numberToBytesBE(power, SCALAR_BYTES) as Scalar
    power = field.mul(power, factor)
    return scalar
  })
}
