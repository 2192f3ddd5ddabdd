import { bytesToHex, concatBytes as concat, hexToBytes, utf8ToBytes } from "@noble/hashes/utils.js"
import { refuse, ok, type Result } from "./result.ts"

/** A source of uniformly random bytes; core never has one of its own. */
export type RandomBytes = (length: number) => Uint8Array

/** Joins byte strings into a fresh one. For public data only. */
export function concatBytes(...parts: readonly Uint8Array[]): Uint8Array {
  return concat(...parts)
}

/** UTF-8 bytes of a string. */
export function utf8(text: string): Uint8Array {
  return utf8ToBytes(text)
}

/** Lower-case hex of public bytes. */
export function toHex(bytes: Uint8Array): string {
  return bytesToHex(bytes)
}

/** Bytes of a hex string of either case; refuses anything else. */
export function fromHex(text: string): Result<Uint8Array, "HEX_INVALID"> {
  if (text.length % 2 !== 0 || !/^[0-9a-fA-F]*$/.test(text))
    return refuse("HEX_INVALID", `not hex: ${text.length} characters; expected pairs of 0-9 and a-f`)
  return ok(hexToBytes(text))
}

/** Whether two public byte strings are equal. Not constant time: secrets compare with `Secret.equals`. */
export function equalBytes(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false
  // A loop: `every` calls a function for each byte, ten times as slow, and every message that arrives is compared with its canonical form.
  for (let index = 0; index < a.length; index++) if (a[index] !== b[index]) return false
  return true
}

/** Orders public byte strings as memcmp does, shorter first on a common prefix. */
export function compareBytes(a: Uint8Array, b: Uint8Array): number {
  const shared = Math.min(a.length, b.length)
  for (let index = 0; index < shared; index++) {
    const difference = (a[index] ?? 0) - (b[index] ?? 0)
    if (difference !== 0) return difference
  }
  return a.length - b.length
}
