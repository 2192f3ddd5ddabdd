import { isText, isWhitespace, startsWithText } from "./ascii.ts"

/** A member of a JSON object: views of the bytes scanned, no copies. */
export interface JsonMember {
  /** Name without its quotes; never holds an escape. */
  readonly name: Uint8Array
  /** Contents of a string without its quotes; `undefined` when the value is no string, or one with escapes. */
  readonly text: Uint8Array | undefined
}

const MAX_MEMBERS = 64
const MAX_DEPTH = 8
const CODE = { quote: 0x22, backslash: 0x5c, comma: 0x2c, colon: 0x3a, openBrace: 0x7b, closeBrace: 0x7d, openList: 0x5b, closeList: 0x5d }

/**
 * Scans one JSON object (RFC 8259) that fills the bytes, without making a string of anything in it: JSON.parse would, and strings cannot be wiped.
 * `undefined` for what is malformed, has a name twice, an escape in a name, over 64 members or 8 levels.
 */
export function scanJsonObject(bytes: Uint8Array): readonly JsonMember[] | undefined {
  const scanner = new Scanner(bytes)
  scanner.skipWhitespace()
  const members = scanner.object(0)
  scanner.skipWhitespace()
  return scanner.isAtEnd ? members : undefined
}

class Scanner {
  readonly #bytes: Uint8Array
  #at = 0

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes
  }

  get isAtEnd(): boolean {
    return this.#at === this.#bytes.length
  }

  skipWhitespace(): void {
    while (isWhitespace(this.#bytes[this.#at])) this.#at++
  }

  object(depth: number): readonly JsonMember[] | undefined {
    const members: JsonMember[] = []
    const isWhole = this.#list([CODE.openBrace, CODE.closeBrace], () => {
      const name = this.#string()
      if (name === undefined || name.hasEscape || members.length === MAX_MEMBERS) return false
      if (members.some((member) => isSame(member.name, name.text))) return false
      this.skipWhitespace()
      if (!this.#skip(CODE.colon)) return false
      this.skipWhitespace()
      const value = this.#value(depth + 1)
      if (value === undefined) return false
      members.push({ name: name.text, text: value.text })
      return true
    })
    return isWhole ? members : undefined
  }

  /** One value of any kind; its text when it is a string without escapes. */
  #value(depth: number): { readonly text: Uint8Array | undefined } | undefined {
    const other = (isWhole: boolean): { readonly text: undefined } | undefined => (isWhole ? { text: undefined } : undefined)
    if (depth > MAX_DEPTH) return undefined
    switch (this.#bytes[this.#at]) {
      case CODE.quote: {
        const string = this.#string()
        return string === undefined ? undefined : { text: string.hasEscape ? undefined : string.text }
      }
      case CODE.openBrace:
        return other(this.object(depth) !== undefined)
      case CODE.openList:
        return other(this.#list([CODE.openList, CODE.closeList], () => this.#value(depth + 1) !== undefined))
      default:
        return other(this.#literal() || this.#number())
    }
  }

  #list([open, close]: readonly [number, number], element: () => boolean): boolean {
    if (!this.#skip(open)) return false
    this.skipWhitespace()
    if (this.#skip(close)) return true
    for (;;) {
      if (!element()) return false
      this.skipWhitespace()
      if (this.#skip(close)) return true
      if (!this.#skip(CODE.comma)) return false
      this.skipWhitespace()
    }
  }

  #string(): { readonly text: Uint8Array; readonly hasEscape: boolean } | undefined {
    if (!this.#skip(CODE.quote)) return undefined
    const start = this.#at
    let hasEscape = false
    for (;;) {
      const byte = this.#bytes[this.#at++]
      if (byte === undefined || byte < 0x20) return undefined
      if (byte === CODE.quote) return { text: this.#bytes.subarray(start, this.#at - 1), hasEscape }
      if (byte !== CODE.backslash) continue
      hasEscape = true
      if (!this.#escape()) return undefined
    }
  }

  #escape(): boolean {
    const byte = this.#bytes[this.#at++]
    if (byte === undefined) return false
    if (byte !== 0x75) return ESCAPES.includes(byte)
    for (let digit = 0; digit < 4; digit++) if (!isHexDigit(this.#bytes[this.#at++])) return false
    return true
  }

  #literal(): boolean {
    const word = ["true", "false", "null"].find((each) => startsWithText(this.#bytes, each, this.#at))
    if (word === undefined) return false
    this.#at += word.length
    return true
  }

  #number(): boolean {
    this.#skip(0x2d)
    if (!this.#skip(0x30) && !this.#digits()) return false
    if (this.#skip(0x2e) && !this.#digits()) return false
    if (!this.#skip(0x65) && !this.#skip(0x45)) return true
    if (!this.#skip(0x2b)) this.#skip(0x2d)
    return this.#digits()
  }

  #digits(): boolean {
    const start = this.#at
    while (isDigit(this.#bytes[this.#at])) this.#at++
    return this.#at > start
  }

  #skip(byte: number): boolean {
    if (this.#bytes[this.#at] !== byte) return false
    this.#at++
    return true
  }
}

/** `"`, `\`, `/`, and b, f, n, r, t. */
const ESCAPES: readonly number[] = [0x22, 0x5c, 0x2f, 0x62, 0x66, 0x6e, 0x72, 0x74]

function isDigit(byte: number | undefined): boolean {
  return byte !== undefined && byte >= 0x30 && byte <= 0x39
}

function isHexDigit(byte: number | undefined): boolean {
  return isDigit(byte) || (byte !== undefined && ((byte >= 0x41 && byte <= 0x46) || (byte >= 0x61 && byte <= 0x66)))
}

function isSame(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, index) => byte === b[index])
}

/** The member of a name. */
export function memberOf(members: readonly JsonMember[], name: string): JsonMember | undefined {
  return members.find((member) => isText(member.name, name))
}
