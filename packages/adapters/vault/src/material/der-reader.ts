/** Tags of DER (X.690) that private keys are made of. */
export const TAG = {
  integer: 0x02,
  bitString: 0x03,
  octetString: 0x04,
  null: 0x05,
  objectIdentifier: 0x06,
  sequence: 0x30,
  context0: 0xa0,
  context1: 0xa1,
  /** `[1] IMPLICIT BIT STRING`. */
  context1Primitive: 0x81,
} as const

/**
 * Reads DER (X.690 §10) element by element, strictly: one-byte tags, definite lengths in their shortest form, nothing beyond the end. Contents are
 * views of the bytes read, no copies, so they may hold a secret and live as long as it is exposed.
 */
export class DerReader {
  readonly #bytes: Uint8Array
  #at = 0

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes
  }

  /** Whether everything was read. */
  get isAtEnd(): boolean {
    return this.#at === this.#bytes.length
  }

  /** Tag of the next element; `undefined` at the end. */
  get nextTag(): number | undefined {
    return this.#bytes[this.#at]
  }

  /** Contents of the next element, which must have the tag; `undefined`, without moving, when it has another or is malformed. */
  take(tag: number): Uint8Array | undefined {
    if (this.nextTag !== tag) return undefined
    const length = this.#lengthAt(this.#at + 1)
    if (length === undefined || length.end + length.value > this.#bytes.length) return undefined
    this.#at = length.end + length.value
    return this.#bytes.subarray(length.end, this.#at)
  }

  /** A reader of the contents of the next element, which must have the tag. */
  enter(tag: number): DerReader | undefined {
    const contents = this.take(tag)
    return contents === undefined ? undefined : new DerReader(contents)
  }

  /** Lengths up to 65535 in their shortest form: inputs have a limit far below. */
  #lengthAt(at: number): { readonly value: number; readonly end: number } | undefined {
    const [first, second, third] = [this.#bytes[at], this.#bytes[at + 1], this.#bytes[at + 2]]
    if (first === undefined) return undefined
    if (first < 0x80) return { value: first, end: at + 1 }
    if (first === 0x81 && second !== undefined && second >= 0x80) return { value: second, end: at + 2 }
    if (first === 0x82 && second !== undefined && third !== undefined && second !== 0) return { value: second * 256 + third, end: at + 3 }
    return undefined
  }
}
