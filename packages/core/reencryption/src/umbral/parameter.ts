import { unwrap } from "@keygrove/base"
import type { Curve, Point } from "@keygrove/crypto"
import { PARAMETER_U } from "./codec.ts"

const decoded = new WeakMap<Curve, Point>()

/** The parameter U as a point; decoded once for each curve implementation. */
export function parameterPoint(curve: Curve): Point {
  const known = decoded.get(curve)
  if (known !== undefined) return known
  const point = unwrap(curve.decodePoint(PARAMETER_U))
  decoded.set(curve, point)
  return point
}
