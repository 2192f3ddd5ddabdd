import { encodeCanonical, type CborValue, type Secret } from "@keygrove/base"
import { SCALAR_BYTES, type Curve } from "./curve.ts"
import type { Primitives } from "./primitives.ts"

/** What separates one derived key from another, e.g. `["keygrove/v1/child", name, generation]`. The first part is the domain. */
export type KeyInfo = readonly [domain: string, ...parts: CborValue[]]

/** Canonical CBOR of the parts as one array, so that their lengths are framed and no two lists give the same bytes. */
export function encodeInfo(info: KeyInfo): Uint8Array {
  return encodeCanonical(info)
}

/** HKDF-SHA-256 (RFC 5869) without salt of `secret` under {@link encodeInfo}, `length` bytes. The result belongs to the caller. */
export function deriveKey(primitives: Pick<Primitives, "hkdf">, secret: Secret, info: KeyInfo, length: number): Secret {
  return primitives.hkdf(secret, encodeInfo(info), length)
}

/** What {@link deriveScalar} needs; `Primitives` has it. */
export interface ScalarTools extends Pick<Primitives, "hkdf"> {
  readonly curve: Pick<Curve, "isScalar">
}

/** A candidate is outside [1, n-1] with probability under 2⁻¹²⁷, so the second attempt is never seen; the limit only bounds the loop. */
const MAX_ATTEMPTS = 256

/**
 * A secp256k1 scalar derived from `secret`: the first of HKDF(secret, info ‖ counter), counter from 0, that lies in [1, n-1].
 * Rejection keeps it uniform without reducing a secret mod n in JavaScript. The result belongs to the caller.
 */
export function deriveScalar(primitives: ScalarTools, secret: Secret, info: KeyInfo): Secret {
  for (let counter = 0; counter < MAX_ATTEMPTS; counter++) {
    const candidate = deriveKey(primitives, secret, [...info, counter], SCALAR_BYTES)
    if (primitives.curve.isScalar(candidate)) return candidate
    candidate[Symbol.dispose]()
  }
  throw new RangeError(`no scalar among ${MAX_ATTEMPTS} candidates; the curve implementation is broken`)
}
