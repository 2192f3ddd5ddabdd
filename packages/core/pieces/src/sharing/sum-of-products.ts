import { Secret } from "@keygrove/base"
import type { Curve } from "@keygrove/crypto"

/**
 * Σ secretᵢ·factorᵢ modulo the group order, for public factors of 32 bytes, as many as secrets. The result belongs to the caller; `undefined` when it is zero.
 */
export function sumOfProducts(curve: Curve, secrets: readonly Secret[], factors: readonly Uint8Array[]): Secret | undefined {
  let sum: Secret | undefined
  for (const [position, secret] of secrets.entries()) {
    using factor = Secret.take(Uint8Array.from(factors[position] ?? []))
    const product = curve.multiplySecrets(secret, factor)
    sum = sum === undefined ? product : addAndWipe(curve, sum, product)
  }
  return sum
}

function addAndWipe(curve: Curve, a: Secret, b: Secret): Secret | undefined {
  using left = a
  using right = b
  return curve.addSecrets(left, right)
}
