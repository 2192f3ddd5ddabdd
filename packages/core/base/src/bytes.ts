import { concatBytes as concat, hexToBytes, utf8ToBytes } from "@noble/hashes/utils.js"
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
  let text = ""
  let index = 0
  for (const end = bytes.length - 3; index < end; index += 4)
    text += hexOf4(bytes[index] ?? 0, bytes[index + 1] ?? 0, bytes[index + 2] ?? 0, bytes[index + 3] ?? 0)
  for (; index < bytes.length; index++) text += hexOf4(0, 0, 0, bytes[index] ?? 0).slice(6)
  return text
}

/** Eight digits in one call take half of the time of a string that grows by each byte. */
function hexOf4(a: number, b: number, c: number, d: number): string {
  return String.fromCharCode(
    digitOf(a >> 4),
    digitOf(a & 15),
    digitOf(b >> 4),
    digitOf(b & 15),
    digitOf(c >> 4),
    digitOf(c & 15),
    digitOf(d >> 4),
    digitOf(d & 15),
  )
}

/** The code of a hex digit. */
function digitOf(value: number): number {
  return value < 10 ? 48 + value : 87 + value
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
