import { Secret } from "@keygrove/base"
import { isWhitespace } from "./ascii.ts"

/** Which base64 is accepted: RFC 4648 §4 (`standard`), §5 (`url`), or one of the two throughout (`either`). */
export interface Base64Rules {
  readonly alphabet: "standard" | "url" | "either"
  /** `required` and `none` are what PEM and JOSE demand. */
  readonly padding: "required" | "none" | "optional"
  /** Whether whitespace may stand anywhere, as lines of PEM are broken. */
  readonly whitespace: boolean
}

/** Base64 of a person who copied a value from somewhere. */
export const ANY_BASE64: Base64Rules = { alphabet: "either", padding: "optional", whitespace: false }
/** Base64 between the lines of PEM (RFC 7468 §3). */
export const PEM_BASE64: Base64Rules = { alphabet: "standard", padding: "required", whitespace: true }
/** Base64url of JOSE (RFC 7515 §2). */
export const JOSE_BASE64: Base64Rules = { alphabet: "url", padding: "none", whitespace: false }

const EQUALS = 0x3d

/**
 * Decodes hex of either case, after an optional `0x`, into a secret of the caller. `undefined` for anything else. No table and no branch
 * depends on a digit, so the time tells the length only.
 */
export function decodeHex(text: Uint8Array): Secret | undefined {
  const digits = text[0] === 0x30 && text[1] === 0x78 ? text.subarray(2) : text
  if (digits.length === 0 || digits.length % 2 !== 0) return undefined
  let valid = -1
  const secret = Secret.fill(digits.length / 2, (target) => {
    for (let index = 0; index < target.length; index++) {
      const [high, low] = [digits[2 * index] ?? 0, digits[2 * index + 1] ?? 0]
      valid &= isHexDigit(high) & isHexDigit(low)
      target[index] = (hexValue(high) << 4) | hexValue(low)
    }
  })
  return valid === -1 ? secret : wiped(secret)
}

/**
 * Decodes base64 under the rules into a secret of the caller. `undefined` for anything else: a foreign or a mixed alphabet, wrong padding, bits
 * that do not belong to a byte, or nothing at all. Whitespace and padding aside, the time tells the length only.
 */
export function decodeBase64(text: Uint8Array, rules: Base64Rules): Secret | undefined {
  const shape = measure(text, rules)
  if (shape === undefined) return undefined
  let [valid, buffered, bits, filled] = [-1, 0, 0, 0]
  let [usesStandard, usesUrl] = [0, 0]
  const secret = Secret.fill(shape.bytes, (target) => {
    for (const byte of shape.digits) {
      if (rules.whitespace && isWhitespace(byte)) continue
      const standard = equals(byte, 0x2b) | equals(byte, 0x2f)
      const url = equals(byte, 0x2d) | equals(byte, 0x5f)
      const letter = within(byte, 0x41, 0x5a) | within(byte, 0x61, 0x7a) | within(byte, 0x30, 0x39)
      usesStandard |= standard
      usesUrl |= url
      valid &= letter | standard | url
      buffered = ((buffered << 6) | base64Value(byte)) & 0xffff
      bits += 6
      if (bits < 8) continue
      bits -= 8
      target[filled++] = (buffered >> bits) & 0xff
    }
  })
  const leftOver = buffered & ((1 << bits) - 1)
  const foreign = (rules.alphabet === "url" ? usesStandard : 0) | (rules.alphabet === "standard" ? usesUrl : 0) | (usesStandard & usesUrl)
  return valid === -1 && leftOver === 0 && foreign === 0 ? secret : wiped(secret)
}

/** The digits without their padding, and how many bytes they hold; `undefined` when no base64 has that form. */
function measure(text: Uint8Array, rules: Base64Rules): { readonly digits: Uint8Array; readonly bytes: number } | undefined {
  let [end, padding] = [text.length, 0]
  for (; end > 0; end--) {
    if (text[end - 1] === EQUALS) padding++
    else if (!rules.whitespace || !isWhitespace(text[end - 1])) break
  }
  const digits = text.subarray(0, end)
  let count = digits.length
  if (rules.whitespace) for (const byte of digits) if (isWhitespace(byte)) count--
  const needed = (4 - (count % 4)) % 4
  if (count === 0 || needed === 3) return undefined
  const isPadded = padding === needed && rules.padding !== "none"
  const isBare = padding === 0 && rules.padding !== "required"
  return isPadded || isBare || (padding === 0 && needed === 0) ? { digits, bytes: Math.floor((count * 3) / 4) } : undefined
}

function hexValue(byte: number): number {
  return (
    (within(byte, 0x30, 0x39) & (byte - 0x30)) | (within(byte, 0x41, 0x46) & (byte - 0x37)) | (within(byte, 0x61, 0x66) & (byte - 0x57))
  )
}

function isHexDigit(byte: number): number {
  return within(byte, 0x30, 0x39) | within(byte, 0x41, 0x46) | within(byte, 0x61, 0x66)
}

function base64Value(byte: number): number {
  return (
    (within(byte, 0x41, 0x5a) & (byte - 0x41)) |
    (within(byte, 0x61, 0x7a) & (byte - 0x47)) |
    (within(byte, 0x30, 0x39) & (byte + 4)) |
    ((equals(byte, 0x2b) | equals(byte, 0x2d)) & 62) |
    ((equals(byte, 0x2f) | equals(byte, 0x5f)) & 63)
  )
}

/** All ones when low ≤ byte ≤ high, else 0, without a branch: both differences are negative inside only. */
function within(byte: number, low: number, high: number): number {
  return ((low - 1 - byte) & (byte - high - 1)) >> 31
}

function equals(byte: number, wanted: number): number {
  return within(byte, wanted, wanted)
}

function wiped(secret: Secret): undefined {
  secret[Symbol.dispose]()
  return undefined
}
