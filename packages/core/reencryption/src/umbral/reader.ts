import { refuse, type Refusal } from "@keygrove/base"
import { POINT_BYTES, SCALAR_BYTES, type Curve, type Point, type Scalar } from "@keygrove/crypto"
import type { UmbralErrorCode } from "./errors.ts"

/** Ends the parsing of one object; caught by its decoder, which answers with the refusal. */
export class ParseFailure extends Error {
  override readonly name = "ParseFailure"
  readonly refusal: Refusal<UmbralErrorCode>

  constructor(code: UmbralErrorCode, message: string) {
    super(message)
    this.refusal = refuse(code, message)
  }
}

const UNCOMPRESSED_BYTES = 65
/** MessagePack headers that the reference writes: fixarray, bin 8, false, true (spec §7). */
const FIXARRAY = 0x90
const BIN8 = 0xc4
const FALSE = 0xc2
const TRUE = 0xc3

/** Reads the reference's MessagePack form field by field; only the one encoding that the reference writes is accepted. */
export class FieldReader {
  readonly #bytes: Uint8Array
  readonly #curve: Curve
  #at = 0

  constructor(curve: Curve, bytes: Uint8Array) {
    this.#curve = curve
    this.#bytes = bytes
  }

  /** An array header of exactly `count` elements. */
  array(count: number): void {
    this.#expect(FIXARRAY | count, `an array of ${count}`)
  }

  /** A byte string of exactly `length` bytes, as a view. */
  bytes(length: number, noun: string): Uint8Array {
    const found = this.#header(noun)
    if (found !== length) throw new ParseFailure("UMBRAL_ENCODING", `${noun} has ${found} bytes; expected ${length}`)
    return this.#take(length, noun)
  }

  point(noun: string): Point {
    const length = this.#header(noun)
    if (length === UNCOMPRESSED_BYTES)
      throw new ParseFailure(
        "UMBRAL_POINT_UNCOMPRESSED",
        `${noun} has ${length} bytes; only compressed points of ${POINT_BYTES} are accepted`,
      )
    const encoded = this.#take(length, noun)
    if (encoded.every((byte) => byte === 0)) throw new ParseFailure("UMBRAL_POINT_INFINITY", `${noun} is the point at infinity`)
    const point = this.#curve.decodePoint(encoded)
    if (!point.ok) throw new ParseFailure("UMBRAL_POINT_INVALID", `${noun}: ${point.message}`)
    return point.value
  }

  scalar(noun: string): Scalar {
    const scalar = this.#curve.decodeScalar(this.bytes(SCALAR_BYTES, noun))
    if (!scalar.ok) throw new ParseFailure("UMBRAL_SCALAR_INVALID", `${noun}: ${scalar.message}`)
    return scalar.value
  }

  boolean(noun: string): boolean {
    const byte = this.#bytes[this.#at++]
    if (byte !== TRUE && byte !== FALSE) throw new ParseFailure("UMBRAL_ENCODING", `${noun} is not a boolean`)
    return byte === TRUE
  }

  /** Nothing may follow. */
  end(): void {
    const rest = this.#bytes.length - this.#at
    if (rest > 0) throw new ParseFailure("UMBRAL_TRAILING_BYTES", `${rest} bytes follow the end of the object`)
  }

  #header(noun: string): number {
    this.#expect(BIN8, `the bytes of ${noun}`)
    const length = this.#bytes[this.#at++]
    if (length === undefined) throw new ParseFailure("UMBRAL_ENCODING", `the object ends inside ${noun}`)
    return length
  }

  #take(length: number, noun: string): Uint8Array {
    const taken = this.#bytes.subarray(this.#at, this.#at + length)
    if (taken.length !== length) throw new ParseFailure("UMBRAL_ENCODING", `the object ends inside ${noun}`)
    this.#at += length
    return taken
  }

  #expect(header: number, noun: string): void {
    if (this.#bytes[this.#at++] !== header) throw new ParseFailure("UMBRAL_ENCODING", `expected ${noun} at byte ${this.#at - 1}`)
  }
}
