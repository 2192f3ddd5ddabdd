import { Secret, type RandomBytes } from "@keygrove/base"
import { SCALAR_BYTES, type Curve } from "./curve.ts"

/** What {@link randomScalar} needs. */
export interface RandomScalarTools {
  readonly curve: Pick<Curve, "isScalar">
  readonly random: RandomBytes
}

/** A random source that fails this often is broken: one attempt fails with probability 2⁻¹²⁸. */
const MAX_ATTEMPTS = 64

/** A uniformly random scalar in [1, n-1], by rejection. Belongs to the caller. */
export function randomScalar({ curve, random }: RandomScalarTools): Secret {
  for (let attempt = 0; attempt < MAX_ATTEMPTS; attempt++) {
    const candidate = Secret.take(random(SCALAR_BYTES))
    if (curve.isScalar(candidate)) return candidate
    candidate[Symbol.dispose]()
  }
  throw new RangeError(`no scalar in ${MAX_ATTEMPTS} random strings; the random source is broken`)
}
