/** Reads the structures of TPM 2.0 Library, Part 2, which are big-endian. Byte strings are views, no copies; `undefined` where there is less than is asked for. */
export class TpmReader {
  readonly #bytes: Uint8Array
  #at = 0

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes
  }

  /** Whether everything was read. */
  get isAtEnd(): boolean {
    return this.#at === this.#bytes.length
  }

  /** UINT8. */
  uint8(): number | undefined {
    return this.take(1)?.[0]
  }

  /** UINT16, also TPM_ALG_ID and TPM_ST. */
  uint16(): number | undefined {
    const value = this.#integer(2)
    return value === undefined ? undefined : Number(value)
  }

  /** UINT32, also TPMA_OBJECT. */
  uint32(): number | undefined {
    const value = this.#integer(4)
    return value === undefined ? undefined : Number(value)
  }

  /** UINT64. */
  uint64(): bigint | undefined {
    return this.#integer(8)
  }

  /** TPMI_YES_NO: a byte that is 0 or 1. */
  yesNo(): boolean | undefined {
    const value = this.uint8()
    return value === 0 || value === 1 ? value === 1 : undefined
  }

  /** A TPM2B of at most so many bytes: its length in a UINT16, then the bytes. */
  sized(max: number): Uint8Array | undefined {
    const length = this.uint16()
    return length === undefined || length > max ? undefined : this.take(length)
  }

  /** Exactly so many bytes. */
  take(length: number): Uint8Array | undefined {
    if (length > this.#bytes.length - this.#at) return undefined
    this.#at += length
    return this.#bytes.subarray(this.#at - length, this.#at)
  }

  #integer(length: number): bigint | undefined {
    return this.take(length)?.reduce((sum, byte) => (sum << 8n) | BigInt(byte), 0n)
  }
}
