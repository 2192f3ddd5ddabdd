/** x⁸ + x⁴ + x³ + x + 1, the field of AES and of SLIP-39. */
const MODULUS = 0x11b

/** Product of two elements of GF(256), without a table or a branch that depends on either. */
export function multiply(a: number, b: number): number {
  let product = 0
  let shifted = a
  for (let bit = 0; bit < 8; bit++) {
    product ^= shifted & -((b >> bit) & 1)
    shifted = (shifted << 1) ^ (MODULUS & -((shifted >> 7) & 1))
  }
  return product
}

/** Inverse of a public element that is not 0, as its 254th power. */
function invert(a: number): number {
  let inverse = 1
  for (let power = 0; power < 254; power++) inverse = multiply(inverse, a)
  return inverse
}

/**
 * What to multiply each point's value with, so that the sum is the value at `at` of the polynomial through all of them (Lagrange). The coordinates, all
 * different, are public: they are the numbers of shares.
 */
export function lagrangeWeights(xs: readonly number[], at: number): readonly number[] {
  return xs.map((x) => xs.reduce((weight, other) => (other === x ? weight : multiply(weight, multiply(at ^ other, invert(x ^ other)))), 1))
}
