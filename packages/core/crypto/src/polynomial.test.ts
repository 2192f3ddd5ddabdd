import { Secret, toHex, unwrap } from "@keygrove/base"
import { nativePrimitives } from "@keygrove/curves-native"
import { portablePrimitives } from "@keygrove/curves-wasm"
import { secp256k1 } from "@noble/curves/secp256k1.js"
import fc from "fast-check"
import { describe, expect, test } from "vitest"
import type { Scalar } from "./curve.ts"
import { lagrangeAtIndices } from "./index-lagrange.ts"
import { lagrangeAtZero, SecretPolynomial } from "./polynomial.ts"

/** SEC 2 §2.4.1, written out again so that a wrong digit in the code does not pass. */
const ORDER = 0xffffffff_ffffffff_ffffffff_fffffffe_baaedce6_af48a03b_bfd25e8c_d0364141n
const scalars = fc.oneof(fc.constantFrom(1n, 2n, ORDER - 1n), fc.bigInt({ min: 1n, max: ORDER - 1n }))

const bytesOf = (value: bigint): Uint8Array => Uint8Array.from(Buffer.from(value.toString(16).padStart(64, "0"), "hex"))
const secretOf = (value: bigint): Secret => Secret.take(bytesOf(value))
const scalarOf = (value: bigint): Scalar => unwrap(nativePrimitives.curve.decodeScalar(bytesOf(value)))
const numberOf = (bytes: Uint8Array): bigint => BigInt(`0x${toHex(bytes)}`)
const mod = (value: bigint): bigint => ((value % ORDER) + ORDER) % ORDER

/** What the schoolbook says: Σ cᵢ·xⁱ. */
function valueAt(coefficients: readonly bigint[], argument: bigint): bigint {
  return mod(coefficients.reduce((sum, coefficient, power) => sum + coefficient * argument ** BigInt(power), 0n))
}

describe.each([
  ["native", nativePrimitives.curve],
  ["portable", portablePrimitives.curve],
])("a secret polynomial, %s curve", (_name, curve) => {
  const evaluate = (coefficients: readonly bigint[], argument: bigint): bigint => {
    using polynomial = new SecretPolynomial(curve, coefficients.map(secretOf))
    using x = secretOf(argument)
    using value = polynomial.evaluate(x)
    return value === undefined ? 0n : value.expose(numberOf)
  }

  test("has the values of plain arithmetic", () => {
    fc.assert(
      fc.property(fc.array(scalars, { minLength: 1, maxLength: 6 }), scalars, (coefficients, argument) => {
        expect(evaluate(coefficients, argument)).toBe(valueAt(coefficients, argument))
      }),
      { numRuns: 60 },
    )
  })

  test("has the same values at small public arguments, and the commitments of its coefficients", () => {
    const edges = fc.constantFrom(1n, ORDER - 1n, ORDER - 2n, (1n << 255n) - 1n, 2n ** 128n - 1n)
    const arrays = fc.array(fc.oneof(edges, scalars), { minLength: 1, maxLength: 20 })
    fc.assert(
      fc.property(arrays, fc.oneof(fc.constantFrom(1, 2, 254, 255), fc.integer({ min: 1, max: 255 })), (coefficients, argument) => {
        using polynomial = new SecretPolynomial(curve, coefficients.map(secretOf))
        using value = polynomial.evaluateAt(argument)
        expect(value === undefined ? 0n : value.expose(numberOf)).toBe(valueAt(coefficients, BigInt(argument)))
      }),
      { numRuns: 300 },
    )
    using polynomial = new SecretPolynomial(curve, [1n, 2n, ORDER - 1n].map(secretOf))
    const oracle = [1n, 2n, ORDER - 1n].map((value) => secp256k1.Point.BASE.multiply(value).toHex(false))
    expect(polynomial.commitments().map(toHex)).toEqual(oracle)
    for (const argument of [0, -1, 1.5, 256, Number.NaN]) expect(() => polynomial.evaluateAt(argument)).toThrow(RangeError)
  })

  test("carries nothing over at the largest coefficients, degree and argument", () => {
    const coefficients = Array.from({ length: 255 }, () => ORDER - 1n)
    using polynomial = new SecretPolynomial(curve, coefficients.map(secretOf))
    for (const argument of [1, 2, 254, 255]) {
      using value = polynomial.evaluateAt(argument)
      expect(value?.expose(numberOf)).toBe(valueAt(coefficients, BigInt(argument)))
    }
    for (const constant of [ORDER - 1n, ORDER - 200n]) {
      using line = new SecretPolynomial(curve, [constant, 1n].map(secretOf))
      using value = line.evaluateAt(255)
      expect(value?.expose(numberOf)).toBe(constant + 255n - ORDER)
    }
  })

  test("is zero at a small argument without a value, and passes through zero before it", () => {
    using root = new SecretPolynomial(curve, [ORDER - 3n, 1n].map(secretOf))
    expect(root.evaluateAt(3)).toBeUndefined()
    using inner = new SecretPolynomial(curve, [5n, ORDER - 1n, 1n].map(secretOf))
    using value = inner.evaluateAt(1)
    expect(value?.expose(numberOf)).toBe(5n)
  })

  test("of degree 0 is its secret everywhere", () => {
    expect(evaluate([7n], 1n)).toBe(7n)
    expect(evaluate([7n], ORDER - 1n)).toBe(7n)
  })

  test("goes through zero inside Horner's rule and at its end", () => {
    // 5 − x + x² at 1: the inner sum x·1 − 1 is zero, the value is not.
    expect(evaluate([5n, ORDER - 1n, 1n], 1n)).toBe(5n)
    // x − 3 at 3: the value itself is zero, which is no secret.
    expect(evaluate([ORDER - 3n, 1n], 3n)).toBe(0n)
  })

  test("leaves nothing alive that it made", () => {
    const coefficients = [3n, 4n].map(secretOf)
    const polynomial = new SecretPolynomial(curve, coefficients)
    expect(polynomial.threshold).toBe(2)
    using value = polynomial.evaluate(secretOf(10n))
    expect(value?.expose(numberOf)).toBe(43n)
    expect(coefficients.map(({ live }) => live)).toEqual([true, true])
    polynomial[Symbol.dispose]()
    expect(coefficients.map(({ live }) => live)).toEqual([false, false])
    expect(value?.live).toBe(true)
  })

  test("any threshold of its values give the secret by Lagrange, one less gives another", () => {
    const distinct = fc.uniqueArray(scalars, { minLength: 4, maxLength: 4 })
    fc.assert(
      fc.property(fc.array(scalars, { minLength: 4, maxLength: 4 }), distinct, (coefficients, args) => {
        const combine = (count: number): bigint => {
          const used = args.slice(0, count)
          const factors = unwrap(lagrangeAtZero(used.map(scalarOf))).map(numberOf)
          return mod(used.reduce((sum, argument, index) => sum + (factors[index] ?? 0n) * evaluate(coefficients, argument), 0n))
        }
        expect(combine(4)).toBe(coefficients[0])
        expect(combine(3)).not.toBe(coefficients[0])
      }),
      { numRuns: 15 },
    )
  })

  test("refuses no coefficients, and a coefficient that is zero or not below the order", () => {
    expect(() => new SecretPolynomial(curve, [])).toThrow(RangeError)
    expect(() => new SecretPolynomial(curve, [secretOf(1n), secretOf(0n)])).toThrow(RangeError)
    expect(() => new SecretPolynomial(curve, [secretOf(ORDER), secretOf(1n)])).toThrow(RangeError)
    expect(() => new SecretPolynomial(curve, [Secret.take(new Uint8Array(31).fill(1))])).toThrow(RangeError)
  })
})

describe("Lagrange coefficients at zero", () => {
  test("of known arguments", () => {
    // For 1, 2, 3 they are 3, −3, 1; for a single argument, 1.
    expect(unwrap(lagrangeAtZero([1n, 2n, 3n].map(scalarOf))).map(numberOf)).toEqual([3n, ORDER - 3n, 1n])
    expect(unwrap(lagrangeAtZero([scalarOf(99n)])).map(numberOf)).toEqual([1n])
    expect(unwrap(lagrangeAtZero([]))).toEqual([])
  })

  test("satisfy λₖ·Π(xⱼ − xₖ) = Πxⱼ and sum to one", () => {
    fc.assert(
      fc.property(fc.uniqueArray(scalars, { minLength: 1, maxLength: 8 }), (args) => {
        const factors = unwrap(lagrangeAtZero(args.map(scalarOf))).map(numberOf)
        expect(mod(factors.reduce((sum, factor) => sum + factor, 0n))).toBe(1n)
        for (const [k, x] of args.entries()) {
          const others = args.filter((_each, j) => j !== k)
          const below = others.reduce((product, other) => mod(product * (other - x)), 1n)
          const above = others.reduce((product, other) => mod(product * other), 1n)
          expect(mod((factors[k] ?? 0n) * below)).toBe(above)
        }
      }),
      { numRuns: 100 },
    )
  })

  test("refuse repeated arguments and zero, also those that are so only modulo the order", () => {
    // Such scalars have no checking constructor; the guard must hold for whoever comes here without one.
    const unchecked = (value: bigint): Scalar => bytesOf(value) as Scalar
    for (const args of [[5n, 5n], [1n, 2n, 1n], [0n], [1n, 0n], [1n, ORDER + 1n], [1n, ORDER]])
      expect(lagrangeAtZero(args.map(unchecked))).toMatchObject({ ok: false, code: "ARGUMENTS_REPEATED" })
  })

  test("of small indices are the same, whichever way they are computed", () => {
    fc.assert(
      fc.property(fc.uniqueArray(fc.integer({ min: 1, max: 255 }), { minLength: 1, maxLength: 140 }), (indices) => {
        const args = indices.map((index) => scalarOf(BigInt(index)))
        expect(unwrap(lagrangeAtIndices(indices)).map(toHex)).toEqual(unwrap(lagrangeAtZero(args)).map(toHex))
      }),
      { numRuns: 40 },
    )
    expect(unwrap(lagrangeAtIndices([]))).toEqual([])
    for (const indices of [[1, 1], [0], [3, 256], [1.5], [-1], [Number.NaN]])
      expect(lagrangeAtIndices(indices)).toMatchObject({ ok: false, code: "ARGUMENTS_REPEATED" })
  })
})
