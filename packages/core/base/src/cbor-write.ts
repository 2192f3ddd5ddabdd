import type { CborValue } from "./cbor-value.ts"
import { MAX_CBOR_DEPTH } from "./cbor-read.ts"

type CborMap = { readonly [key: string]: CborValue }

/**
 * Deterministic CBOR (RFC 8949 §4.2.1) of a value whose text is plain ASCII; nothing when other text is in it, whose encoding is the library's. Half of the
 * time of the library, and the bytes are in no other memory than the result's.
 * @throws TypeError on a float, an unsafe integer or a value outside {@link CborValue}.
 */
export function writeCbor(value: CborValue): Uint8Array | undefined {
  const sizing = { isAscii: true }
  const length = sizeOf(value, 0, sizing)
  if (!sizing.isAscii) return undefined
  const writer = new Writer(new Uint8Array(length))
  writer.item(value)
  return writer.bytes
}

/** Bytes of the encoding, if its text is ASCII; checks on the way that it has one. */
function sizeOf(value: CborValue, depth: number, sizing: { isAscii: boolean }): number {
  if (depth > MAX_CBOR_DEPTH) throw new TypeError(`CBOR nesting over ${MAX_CBOR_DEPTH} levels`)
  if (value === null || typeof value === "boolean") return 1
  if (typeof value === "string") {
    if (!isAscii(value)) sizing.isAscii = false
    return headSize(value.length) + value.length
  }
  if (typeof value === "number") {
    if (!Number.isSafeInteger(value) || Object.is(value, -0)) throw new TypeError("CBOR numbers must be safe integers")
    return headSize(value < 0 ? -1 - value : value)
  }
  if (value instanceof Uint8Array) return headSize(value.length) + value.length
  if (typeof value !== "object") throw new TypeError(`CBOR cannot carry a ${typeof value}`)
  return isList(value) ? sizeOfList(value, depth, sizing) : sizeOfMap(value, depth, sizing)
}

function sizeOfList(items: readonly CborValue[], depth: number, sizing: { isAscii: boolean }): number {
  let size = headSize(items.length)
  for (const item of items) size += sizeOf(item, depth + 1, sizing)
  return size
}

function sizeOfMap(map: CborMap, depth: number, sizing: { isAscii: boolean }): number {
  const keys = Object.keys(map)
  let size = headSize(keys.length)
  for (const key of keys) size += sizeOf(key, depth + 1, sizing) + sizeOf(memberOf(map, key), depth + 1, sizing)
  return size
}

class Writer {
  readonly bytes: Uint8Array
  #offset = 0

  constructor(bytes: Uint8Array) {
    this.bytes = bytes
  }

  item(value: CborValue): void {
    if (value === null) this.#byte(0xf6)
    else if (typeof value === "boolean") this.#byte(value ? 0xf5 : 0xf4)
    else if (typeof value === "string") this.#text(value)
    else if (typeof value === "number") this.#head(value < 0 ? 1 : 0, value < 0 ? -1 - value : value)
    else if (value instanceof Uint8Array) {
      this.#head(2, value.length)
      this.bytes.set(value, this.#offset)
      this.#offset += value.length
    } else if (isList(value)) {
      this.#head(4, value.length)
      for (const item of value) this.item(item)
    } else {
      const keys = Object.keys(value).sort(byEncoding)
      this.#head(5, keys.length)
      for (const key of keys) {
        this.#text(key)
        this.item(memberOf(value, key))
      }
    }
  }

  #byte(byte: number): void {
    this.bytes[this.#offset++] = byte
  }

  /** A head with its argument in the shortest form. */
  #head(major: number, argument: number): void {
    const size = headSize(argument) - 1
    if (size === 0) {
      this.#byte((major << 5) | argument)
      return
    }
    this.#byte((major << 5) | (size === 1 ? 24 : size === 2 ? 25 : size === 4 ? 26 : 27))
    for (let shift = size - 1; shift >= 0; shift--) this.#byte(Math.floor(argument / 256 ** shift) % 256)
  }

  #text(text: string): void {
    this.#head(3, text.length)
    for (let index = 0; index < text.length; index++) this.#byte(text.charCodeAt(index))
  }
}

/** Bytes of a head with this argument. */
function headSize(argument: number): number {
  if (argument < 24) return 1
  if (argument < 2 ** 8) return 2
  if (argument < 2 ** 16) return 3
  return argument < 2 ** 32 ? 5 : 9
}

/** Order of two ASCII keys by the bytes of their encoding: the shorter comes first, as its length does. */
function byEncoding(a: string, b: string): number {
  if (a.length !== b.length) return a.length - b.length
  if (a === b) return 0
  return a < b ? -1 : 1
}

function isAscii(text: string): boolean {
  for (let index = 0; index < text.length; index++) if (text.charCodeAt(index) > 127) return false
  return true
}

function isList(value: readonly CborValue[] | CborMap): value is readonly CborValue[] {
  return Array.isArray(value)
}

function memberOf(map: CborMap, key: string): CborValue {
  const value = map[key]
  if (value === undefined) throw new TypeError("CBOR cannot carry undefined")
  return value
}
