import type { Primitives } from "@keygrove/crypto"

/** What of a fragment is signed; points as 33 bytes. */
export interface SignedFragment {
  readonly id: Uint8Array
  readonly commitment: Uint8Array
  readonly precursor: Uint8Array
}

const ABSENT = Uint8Array.of(0)
const PRESENT = Uint8Array.of(1)

/** SHA-256 of M = id ‖ U1 ‖ X ‖ opt(A) ‖ opt(B) (spec §5), without a domain tag. */
export function fragmentDigest(sha256: Primitives["sha256"], fragment: SignedFragment, a?: Uint8Array, b?: Uint8Array): Uint8Array {
  return sha256(fragment.id, fragment.commitment, fragment.precursor, ...optional(a), ...optional(b))
}

function optional(key: Uint8Array | undefined): readonly Uint8Array[] {
  return key === undefined ? [ABSENT] : [PRESENT, key]
}
