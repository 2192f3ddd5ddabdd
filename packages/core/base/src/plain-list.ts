const TEXT = 0x60
const BYTES = 0x40
const ARRAY = 0x80

/**
 * Canonical CBOR of a list of bytes and ASCII texts alone, which is what signatures are over and keys are derived with: a fifth of the time of encoding it as any other value.
 * `undefined` when the list has something else in it.
 */
export function encodePlainList(items: readonly unknown[]): Uint8Array | undefined {
  let size = headBytes(items.length)
  for (const item of items) {
    if (typeof item !== "string" && !(item instanceof Uint8Array)) return undefined
    size += headBytes(item.length) + item.length
  }
  const encoded = new Uint8Array(size)
  let offset = putHead(encoded, 0, ARRAY, items.length)
  for (const item of items) {
    if (item instanceof Uint8Array) {
      offset = putHead(encoded, offset, BYTES, item.length)
      encoded.set(item, offset)
      offset += item.length
    } else if (typeof item === "string") {
      offset = putHead(encoded, offset, TEXT, item.length)
      for (let index = 0; index < item.length; index++) {
        const code = item.charCodeAt(index)
        // More than one byte of UTF-8.
        if (code > 127) return undefined
        encoded[offset++] = code
      }
    }
  }
  return encoded
}

/** Bytes of the shortest head with an argument below 2³². */
function headBytes(argument: number): number {
  if (argument < 24) return 1
  if (argument < 0x100) return 2
  return argument < 0x1_0000 ? 3 : 5
}

/** Writes a head; returns the offset behind it (RFC 8949 §3). */
function putHead(target: Uint8Array, offset: number, major: number, argument: number): number {
  const bytes = headBytes(argument)
  if (bytes === 1) {
    target[offset] = major | argument
    return offset + 1
  }
  target[offset] = major | (bytes === 2 ? 24 : bytes === 3 ? 25 : 26)
  for (let index = 1; index < bytes; index++) target[offset + index] = (argument >>> (8 * (bytes - 1 - index))) & 0xff
  return offset + bytes
}
