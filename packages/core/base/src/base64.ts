import { ok, refuse, type Refusal, type Result } from "./result.ts"

const ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
const NONE = 0xff
/** Six bits of each character, by its code. */
const sextets: Uint8Array = new Uint8Array(128).fill(NONE)
for (let value = 0; value < ALPHABET.length; value++) sextets[ALPHABET.charCodeAt(value)] = value

/**
 * Bytes of base64 text (RFC 4648 §4) in its one canonical form: that alphabet, padded, no whitespace, no bits left over (§3.5). Refuses anything
 * else. For public bytes and ciphertext: a secret must not become text.
 */
export function fromBase64(text: string): Result<Uint8Array, "BASE64_INVALID"> {
  if (text.length % 4 !== 0) return invalid(text)
  const padding = text.endsWith("==") ? 2 : text.endsWith("=") ? 1 : 0
  const bytes = new Uint8Array((text.length / 4) * 3 - padding)
  const digits = text.length - padding
  let [bits, held, filled] = [0, 0, 0]
  for (let index = 0; index < digits; index++) {
    const value = sextets[text.charCodeAt(index)] ?? NONE
    if (value === NONE) return invalid(text)
    bits = ((bits << 6) | value) & 0xffff
    held += 6
    if (held >= 8) {
      held -= 8
      bytes[filled++] = (bits >> held) & 0xff
    }
  }
  const left = bits & ((1 << held) - 1)
  return left === 0 ? ok(bytes) : invalid(text)
}

function invalid(text: string): Refusal<"BASE64_INVALID"> {
  return refuse("BASE64_INVALID", `not base64: ${text.length} characters; expected groups of four of A-Z, a-z, 0-9, + and /, padded with =`)
}
