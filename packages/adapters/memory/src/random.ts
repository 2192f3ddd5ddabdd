import { createHash } from "node:crypto"
import { concatBytes, utf8, type RandomBytes } from "@keygrove/base"

/** Bytes that depend on the seed and the calls before only: SHA-256(seed ‖ block number). For tests and simulations, never for keys that matter. */
export function seededRandom(seed: string): RandomBytes {
  let block = 0
  return (length) => {
    const bytes = new Uint8Array(new ArrayBuffer(length))
    for (let offset = 0; offset < length; offset += 32) {
      const digest = createHash("sha256")
        .update(concatBytes(utf8(`${block++}:`), utf8(seed)))
        .digest()
      bytes.set(digest.subarray(0, Math.min(32, length - offset)), offset)
    }
    return bytes
  }
}
