import { utf8 } from "@keygrove/base"

/** The fields of an encoded entry, not judged yet. */
export interface EntryFields {
  readonly scope: string
  readonly kind: string
  readonly body: Uint8Array
  /** 32 bytes. */
  readonly cluster: Uint8Array
  readonly path: string
  /** 32 bytes. */
  readonly key: Uint8Array
  /** 64 bytes. */
  readonly sig: Uint8Array
}

const BYTES = 2
const TEXT = 3
/** The map with its eight fields and `v: 1`, and the names of the others, in canonical order. */
const OPENING = Uint8Array.of(0xa8, 0x61, 0x76, 0x01)
const name = (text: string): Uint8Array => Uint8Array.of((TEXT << 5) | text.length, ...utf8(text))
const [KEY, SIG, BODY, KIND, PATH, SCOPE, CLUSTER] = [
  name("key"),
  name("sig"),
  name("body"),
  name("kind"),
  name("path"),
  name("scope"),
  name("cluster"),
]

/**
 * Reads an entry of version 1 in canonical form, field by field: replaying a ledger does little else, and a decoder of anything takes several times as long. `undefined` for whatever is not exactly
 * that, which the general decoder then refuses by name. What it reads, that decoder reads the same; values are copies.
 */
export function readEntry(bytes: Uint8Array): EntryFields | undefined {
  const reader = new Reader(bytes)
  if (!reader.skip(OPENING) || !reader.skip(KEY)) return undefined
  const key = reader.bytes(32)
  if (key === undefined || !reader.skip(SIG)) return undefined
  const sig = reader.bytes(64)
  if (sig === undefined || !reader.skip(BODY)) return undefined
  const body = reader.bytes()
  if (body === undefined || !reader.skip(KIND)) return undefined
  const kind = reader.text()
  if (kind === undefined || !reader.skip(PATH)) return undefined
  const path = reader.text()
  if (path === undefined || !reader.skip(SCOPE)) return undefined
  const scope = reader.text()
  if (scope === undefined || !reader.skip(CLUSTER)) return undefined
  const cluster = reader.bytes(32)
  return cluster === undefined || !reader.isAtEnd ? undefined : { scope, kind, body, cluster, path, key, sig }
}

class Reader {
  readonly #bytes: Uint8Array
  #offset = 0

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes
  }

  get isAtEnd(): boolean {
    return this.#offset === this.#bytes.length
  }

  /** Goes on behind these bytes, when they are next. */
  skip(expected: Uint8Array): boolean {
    for (let index = 0; index < expected.length; index++) if (this.#bytes[this.#offset + index] !== expected[index]) return false
    this.#offset += expected.length
    return true
  }

  /** A byte string, of some length when that is given. */
  bytes(length?: number): Uint8Array | undefined {
    const found = this.#head(BYTES)
    if (found === undefined || (length !== undefined && found !== length)) return undefined
    const start = this.#offset
    this.#offset += found
    return this.#offset > this.#bytes.length ? undefined : new Uint8Array(this.#bytes.subarray(start, this.#offset))
  }

  /** A text of plain ASCII. */
  text(): string | undefined {
    const length = this.#head(TEXT)
    if (length === undefined || this.#offset + length > this.#bytes.length) return undefined
    let text = ""
    for (const end = this.#offset + length; this.#offset < end; this.#offset++) {
      const code = this.#bytes[this.#offset] ?? 128
      if (code > 127) return undefined
      text += String.fromCharCode(code)
    }
    return text
  }

  /** A length below 65,536 in its shortest form (RFC 8949 §4.2.1). */
  #head(major: number): number | undefined {
    const initial = this.#bytes[this.#offset++]
    if (initial === undefined || initial >> 5 !== major) return undefined
    const short = initial & 0x1f
    if (short < 24) return short
    const first = this.#bytes[this.#offset++] ?? 0
    if (short === 24) return first < 24 ? undefined : first
    const second = this.#bytes[this.#offset++] ?? 0
    const length = first * 256 + second
    return short === 25 && length > 255 ? length : undefined
  }
}
