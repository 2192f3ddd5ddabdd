import { concatBytes, utf8 } from "@keygrove/base"

/** Reads the data types of RFC 4251 §5. Strings are views, no copies; `undefined` where there is less than they say, and from then on. */
export class SshReader {
  readonly #bytes: Uint8Array
  #at = 0

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes
  }

  /** Whether everything was read. */
  get isAtEnd(): boolean {
    return this.#at === this.#bytes.length
  }

  byte(): number | undefined {
    const byte = this.#bytes[this.#at]
    if (byte !== undefined) this.#at++
    return byte
  }

  /** One byte that is 0 or 1. */
  boolean(): boolean | undefined {
    const byte = this.byte()
    return byte === 0 || byte === 1 ? byte === 1 : undefined
  }

  uint32(): number | undefined {
    const value = readUint32(this.#bytes, this.#at)
    if (value !== undefined) this.#at += 4
    return value
  }

  string(): Uint8Array | undefined {
    const length = this.uint32()
    if (length === undefined || length > this.#bytes.length - this.#at) return undefined
    this.#at += length
    return this.#bytes.subarray(this.#at - length, this.#at)
  }

  /** A string that is a name: 1 to 64 printable ASCII characters. */
  name(): string | undefined {
    const bytes = this.string()
    if (bytes === undefined || bytes.length === 0 || bytes.length > 64) return undefined
    return bytes.every((byte) => byte > 0x20 && byte < 0x7f) ? String.fromCharCode(...bytes) : undefined
  }

  /** Magnitude of an mpint that is positive and in its shortest form. */
  positiveInteger(): Uint8Array | undefined {
    const bytes = this.string()
    const [first, second] = bytes ?? []
    if (bytes === undefined || first === undefined || first >= 0x80) return undefined
    if (first !== 0) return bytes
    return second !== undefined && second >= 0x80 ? bytes.subarray(1) : undefined
  }
}

/** The uint32 at a place; `undefined` when there are not four bytes. */
export function readUint32(bytes: Uint8Array, at: number): number | undefined {
  const [a, b, c, d] = bytes.subarray(at, at + 4)
  if (a === undefined || b === undefined || c === undefined || d === undefined) return undefined
  return ((a << 24) | (b << 16) | (c << 8) | d) >>> 0
}

/** A uint32. */
export function uint32(value: number): Uint8Array {
  return Uint8Array.of(value >>> 24, (value >>> 16) & 0xff, (value >>> 8) & 0xff, value & 0xff)
}

/** A string of bytes or of text in UTF-8, after its length. */
export function sshString(value: Uint8Array | string): Uint8Array {
  const bytes = typeof value === "string" ? utf8(value) : value
  return concatBytes(uint32(bytes.length), bytes)
}

/** A positive integer as an mpint: without leading zeros, but with one where the first bit would be a sign. */
export function mpint(magnitude: Uint8Array): Uint8Array {
  const start = magnitude.findIndex((byte) => byte !== 0)
  const bare = start === -1 ? new Uint8Array(0) : magnitude.subarray(start)
  return sshString((bare[0] ?? 0) >= 0x80 ? concatBytes(Uint8Array.of(0), bare) : bare)
}
