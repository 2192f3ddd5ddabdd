import { equalBytes, refuse, toHex, type Refusal, type Result } from "@keygrove/base"
import { lagrangeAtZero, type Scalar } from "@keygrove/crypto"
import type { UmbralErrorCode } from "./errors.ts"
import type { VerifiedCapsuleFragment } from "./types.ts"

/** A refusal of an opening. */
export function insufficient(message: string, code: UmbralErrorCode = "UMBRAL_FRAGMENTS_INSUFFICIENT"): Refusal<UmbralErrorCode> {
  return refuse(code, message)
}

/** Lagrange coefficients of the fragments' indices; refuses fragments of different grants and repeated ones. */
export function lagrange(
  fragments: readonly VerifiedCapsuleFragment[],
  indexOf: (id: Uint8Array) => Scalar,
): Result<readonly Scalar[], UmbralErrorCode> {
  const [first] = fragments
  const mixed = fragments.findIndex((each) => first !== undefined && !equalBytes(each.precursor, first.precursor))
  if (mixed >= 0)
    return refuse("UMBRAL_FRAGMENTS_MIXED", `capsule fragment ${mixed} belongs to another grant than the first`, { index: mixed })
  const seen = new Set<string>()
  for (const [index, { id }] of fragments.entries()) {
    const hex = toHex(id)
    if (seen.has(hex)) return refuse("UMBRAL_FRAGMENTS_REPEATED", `capsule fragment ${index} was given twice`, { index })
    seen.add(hex)
  }
  const coefficients = lagrangeAtZero(fragments.map(({ id }) => indexOf(id)))
  return coefficients.ok ? coefficients : refuse("UMBRAL_FRAGMENTS_REPEATED", coefficients.message)
}
