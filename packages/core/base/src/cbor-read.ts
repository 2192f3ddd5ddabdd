import type { CborValue } from "./cbor-value.ts"

/** What {@link readCbor} found. */
export type CborReading =
  | { readonly form: "canonical"; readonly value: CborValue }
  /** Canonical but for text that is not plain ASCII, whose own form somebody has to look at. */
  | { readonly form: "text" }
  | { readonly form: "other" }

/** Nesting that is accepted; the deepest structure of ours has 6 levels. */
export const MAX_CBOR_DEPTH = 16

const MAX_SAFE_HIGH = 0x1f_ffff
const OTHER: CborReading = { form: "other" }

/**
 * Short texts that were read lately, each in the one place that its length and ends give it. The same few keys come in every message, and a string that is an
 * object's key already is used in a quarter of the time that a new one takes.
 */
const KNOWN: (string | undefined)[] = Array.from({ length: 256 })
const MAX_KNOWN_LENGTH = 32

function slotOf(bytes: Uint8Array, start: number, length: number): number {
  return (length * 31 + (bytes[start] ?? 0) * 7 + (bytes[start + length - 1] ?? 0) * 3) % KNOWN.length
}

/**
 * Reads bytes that are one item in canonical form: lengths and integers in their shortest form, of at most 53 bits, definite lengths, map keys that are text,
 * sorted by their encoding and without repetition, no floats, tags or simple values but booleans and null, nothing after the item (RFC 8949 §4.2.1).
 * Values own their bytes. Half of the time of the library, which has to be general.
 */
export function readCbor(bytes: Uint8Array): CborReading {
  // A Buffer shares its memory with its slices; what is read must not change with what was sent.
  const plain = bytes.constructor === Uint8Array ? bytes : new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.length)
  const reader = new Reader(plain)
  const value = reader.item(0)
  if (value === undefined || reader.offset !== bytes.length) return OTHER
  return reader.isAscii ? { form: "canonical", value } : { form: "text" }
}

class Reader {
  readonly #bytes: Uint8Array
  offset = 0
  isAscii = true

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes
  }

  /** The item at the offset, which is behind it then; nothing when there is none in canonical form. */
  item(depth: number): CborValue | undefined {
    const initial = this.#bytes[this.offset++]
    if (initial === undefined || depth > MAX_CBOR_DEPTH) return undefined
    const major = initial >> 5
    if (major === 7) return simple(initial)
    const argument = this.#argument(initial & 0x1f)
    if (argument < 0) return undefined
    switch (major) {
      case 0:
        return argument
      case 1:
        // −1 − n: the lowest safe integer is −(2⁵³ − 1).
        return argument < Number.MAX_SAFE_INTEGER ? -1 - argument : undefined
      case 2:
        return this.#skip(argument) ? this.#bytes.slice(this.offset - argument, this.offset) : undefined
      case 3:
        return this.#text(argument)
      case 4:
        return this.#array(argument, depth)
      case 5:
        return this.#map(argument, depth)
      default:
        return undefined
    }
  }

  /** The argument of a head; −1 when it is not in its shortest form, cut off, or over 53 bits. */
  #argument(short: number): number {
    if (short < 24) return short
    if (short > 27) return -1
    const size = 1 << (short - 24)
    const end = this.offset + size
    if (end > this.#bytes.length) return -1
    let [high, low] = [0, 0]
    for (; this.offset < end; this.offset++) {
      const byte = this.#bytes[this.offset] ?? 0
      if (end - this.offset > 4) high = high * 256 + byte
      else low = low * 256 + byte
    }
    if (size === 8) return high > 0 && high <= MAX_SAFE_HIGH ? high * 2 ** 32 + low : -1
    return low >= (size === 1 ? 24 : 2 ** (4 * size)) ? low : -1
  }

  /** Passes over bytes, if there are as many. */
  #skip(length: number): boolean {
    this.offset += length
    return this.offset <= this.#bytes.length
  }

  /** Of text that is not plain ASCII nothing is given but that it is there. */
  #text(length: number): string | undefined {
    if (!this.#skip(length)) return undefined
    const start = this.offset - length
    const slot = length > 0 && length <= MAX_KNOWN_LENGTH ? slotOf(this.#bytes, start, length) : -1
    const known = KNOWN[slot]
    if (known !== undefined && this.#isAt(known, start, length)) return known
    let text = ""
    for (let index = start; index < this.offset; index++) {
      const byte = this.#bytes[index] ?? 0
      if (byte >= 0x80) {
        this.isAscii = false
        return ""
      }
      text += String.fromCharCode(byte)
    }
    if (slot >= 0) KNOWN[slot] = text
    return text
  }

  #isAt(text: string, start: number, length: number): boolean {
    if (text.length !== length) return false
    for (let index = 0; index < length; index++) if (text.charCodeAt(index) !== this.#bytes[start + index]) return false
    return true
  }

  #array(length: number, depth: number): CborValue | undefined {
    const items: CborValue[] = []
    for (let index = 0; index < length; index++) {
      const item = this.item(depth + 1)
      if (item === undefined) return undefined
      items.push(item)
    }
    return items
  }

  #map(length: number, depth: number): CborValue | undefined {
    const map: Record<string, CborValue> = {}
    let before = -1
    for (let index = 0; index < length; index++) {
      const start = this.offset
      const key = this.item(depth + 1)
      if (typeof key !== "string" || (before !== -1 && !this.#isBefore(before, start))) return undefined
      before = start
      const value = this.item(depth + 1)
      if (value === undefined) return undefined
      // Assigned, this one key would be the object's prototype.
      if (key === "__proto__") Object.defineProperty(map, key, { value, configurable: true, enumerable: true, writable: true })
      else map[key] = value
    }
    return map
  }

  /** Whether the key at one offset comes before the key at another, which ends at the current one, in bytewise order of their encodings. */
  #isBefore(a: number, b: number): boolean {
    for (let index = 0; b + index < this.offset; index++) {
      const [left, right] = [this.#bytes[a + index] ?? 0, this.#bytes[b + index] ?? 0]
      if (left !== right) return left < right
    }
    // Encodings of text are never the beginning of each other, so these are the same key.
    return false
  }
}

/** Booleans and null; undefined, the other simple values and floats are not carried. */
function simple(initial: number): CborValue | undefined {
  switch (initial) {
    case 0xf4:
      return false
    case 0xf5:
      return true
    case 0xf6:
      return null
    default:
      return undefined
  }
}
