/** Whether bytes are one item in canonical form; `text` when that is so except that somebody has to look at its text, which is not plain ASCII. */
export type CborForm = "canonical" | "text" | "other"

/** Nesting that is accepted; the deepest structure of ours has 6 levels. */
export const MAX_CBOR_DEPTH = 16

const MAX_SAFE_HIGH = 0x1f_ffff

/**
 * Reads the form of CBOR without its values: lengths and integers in their shortest form, of at most 53 bits, definite lengths, map keys that are text, sorted
 * by their encoding and without repetition, no floats, tags or simple values but booleans and null, nothing after the item (RFC 8949 §4.2.1). A tenth of
 * the time of encoding the decoded value once more.
 */
export function cborForm(bytes: Uint8Array): CborForm {
  const scan = new Scan(bytes)
  if (!scan.item(0) || scan.offset !== bytes.length) return "other"
  return scan.isAscii ? "canonical" : "text"
}

class Scan {
  readonly #bytes: Uint8Array
  offset = 0
  isAscii = true
  /** The argument of the head read last. */
  #argument = 0

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes
  }

  /** Whether a canonical item begins at the offset, which is behind it then. */
  item(depth: number): boolean {
    const initial = this.#bytes[this.offset]
    if (initial === undefined || depth > MAX_CBOR_DEPTH) return false
    const major = initial >> 5
    // Booleans and null; undefined, the other simple values and floats are not carried.
    if (major === 7) {
      this.offset++
      return initial >= 0xf4 && initial <= 0xf6
    }
    if (!this.#head(initial & 0x1f)) return false
    switch (major) {
      case 0:
        return true
      case 1:
        // −1 − n: the lowest safe integer is −(2⁵³ − 1).
        return this.#argument < Number.MAX_SAFE_INTEGER
      case 2:
        return this.#skip()
      case 3:
        return this.#text()
      case 4:
        return this.#array(this.#argument, depth)
      case 5:
        return this.#map(this.#argument, depth)
      default:
        return false
    }
  }

  /** Reads the argument of a head; only its shortest form is canonical. */
  #head(short: number): boolean {
    this.offset++
    if (short < 24) {
      this.#argument = short
      return true
    }
    if (short > 27) return false
    const size = 1 << (short - 24)
    const end = this.offset + size
    if (end > this.#bytes.length) return false
    let [high, low] = [0, 0]
    for (; this.offset < end; this.offset++) {
      high = size === 8 && end - this.offset > 4 ? high * 256 + (this.#bytes[this.offset] ?? 0) : high
      low = end - this.offset <= 4 ? low * 256 + (this.#bytes[this.offset] ?? 0) : low
    }
    this.#argument = high * 2 ** 32 + low
    if (size === 8) return high > 0 && high <= MAX_SAFE_HIGH
    return low >= (size === 1 ? 24 : 2 ** (4 * size))
  }

  /** Passes over the bytes that the head announced. */
  #skip(): boolean {
    this.offset += this.#argument
    return this.offset <= this.#bytes.length
  }

  #text(): boolean {
    const start = this.offset
    if (!this.#skip()) return false
    for (let index = start; index < this.offset; index++) if ((this.#bytes[index] ?? 0) >= 0x80) this.isAscii = false
    return true
  }

  #array(length: number, depth: number): boolean {
    for (let index = 0; index < length; index++) if (!this.item(depth + 1)) return false
    return true
  }

  #map(length: number, depth: number): boolean {
    let before = -1
    for (let index = 0; index < length; index++) {
      const start = this.offset
      if ((this.#bytes[start] ?? 0) >> 5 !== 3 || !this.item(depth + 1)) return false
      if (before !== -1 && !this.#isBefore(before, start)) return false
      before = start
      if (!this.item(depth + 1)) return false
    }
    return true
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
