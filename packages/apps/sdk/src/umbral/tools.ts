import { KeygroveError, type Result } from "@keygrove/base"
import { nativePrimitives } from "@keygrove/curves-native"
import { createUmbral, type Umbral, type UmbralTools } from "@keygrove/reencryption"
import { systemRandom } from "@keygrove/system"

const { curve, sha256 } = nativePrimitives

/** The platform of this entry point: libsecp256k1 and the system's randomness. */
export const tools: UmbralTools = { curve, sha256, random: systemRandom }
/** The scheme on it. */
export const umbral: Umbral = createUmbral(tools)

/** The value, or the refusal as a thrown error with its code: this facade throws, as the library does whose names it mirrors. */
export function orThrow<T>(result: Result<T>): T {
  if (result.ok) return result.value
  throw new KeygroveError(result.code, result.message, result.data === undefined ? {} : { data: result.data })
}
