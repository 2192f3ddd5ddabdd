import { randomFillSync } from "node:crypto"
import type { RandomBytes } from "@keygrove/base"

/** Random bytes of the operating system, in a buffer of their own. */
export const systemRandom: RandomBytes = (length) => {
  const bytes = new Uint8Array(new ArrayBuffer(length))
  randomFillSync(bytes)
  return bytes
}
