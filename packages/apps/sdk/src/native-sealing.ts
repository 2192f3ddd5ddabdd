import { nativePrimitives } from "@keygrove/curves-native"
import { createSealing } from "@keygrove/hpke"
import type { Sealing } from "@keygrove/service"
import { systemRandom } from "@keygrove/system"

/** HPKE with the native bindings, for Node. */
export const nativeSealing: Sealing = createSealing({ x25519: nativePrimitives.x25519, random: systemRandom })
