import { Secret } from "@keygrove/base"
import { SCALAR_BYTES } from "@keygrove/crypto"
import type { UmbralTools } from "./tools.ts"

/** A random source that fails this often is broken: one attempt fails with probability 2⁻¹²⁸. */
const MAX_ATTEMPTS = 64

/** A uniformly random scalar in [1, n-1], by rejection. Belongs to the caller. */
export function randomScalar({ curve, random }: Pick<UmbralTools, "curve" | "random">): Secret {
  for (let attempt = 0; attempt < MAX_ATTEMPTS; attempt++) {
    const candidate = Secret.take(random(SCALAR_BYTES))
    if (curve.isScalar(candidate)) return candidate
    candidate[Symbol.dispose]()
  }
  throw new RangeError(`no scalar in ${MAX_ATTEMPTS} random strings; the random source is broken`)
}
