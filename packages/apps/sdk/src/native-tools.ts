import { ok } from "@keygrove/base"
import { nativePrimitives } from "@keygrove/curves-native"
import { createUmbral } from "@keygrove/reencryption"
import { systemRandom } from "@keygrove/system"
import type { FileTools } from "./files/file-tools.ts"

const umbral = createUmbral({ ...nativePrimitives, random: systemRandom })

/** File encryption with the native bindings, for Node. */
export const nativeFileTools: FileTools = {
  primitives: nativePrimitives,
  encapsulate: (labelKey) => {
    const point = nativePrimitives.curve.decodePoint(labelKey)
    if (!point.ok) return point
    const { capsule, keySeed } = umbral.encapsulate(point.value)
    return ok({ capsule: umbral.encodeCapsule(capsule), keySeed })
  },
}
