import { concatBytes } from "@keygrove/base"

/** A value of a field as it is on the wire: a varint, or bytes with their length. */
export type WireValue = bigint | Uint8Array

/** The fields of one message, by number, in their order. */
export type WireFields = ReadonlyMap<number, readonly WireValue[]>

const MAX_VARINT_BYTES = 10

/** A field of an integer; 0 is the default of protobuf and is left out. */
export function integerField(field: number, value: number): Uint8Array {
  return value === 0 ? new Uint8Array(0) : concatBytes(varint(field * 8), varint(value))
}

/** A field of bytes or of a message. */
export function bytesField(field: number, bytes: Uint8Array): Uint8Array {
  return concatBytes(varint(field * 8 + 2), varint(bytes.length), bytes)
}

/** Reads one message of the protocol buffers' encoding; `undefined` when it is none. Fixed-width fields, of which etcd has none that matter, are skipped. */
export function readFields(bytes: Uint8Array): WireFields | undefined {
  const fields = new Map<number, WireValue[]>()
  let at = 0
  while (at < bytes.length) {
    const tag = readVarint(bytes, at)
    if (tag === undefined || tag.value >= 1n << 32n || tag.value < 8n) return undefined
    const [field, type] = [Number(tag.value >> 3n), Number(tag.value & 7n)]
    const read = readValue(bytes, tag.next, type)
    if (read === undefined) return undefined
    at = read.next
    if (read.value === undefined) continue
    const known = fields.get(field)
    if (known === undefined) fields.set(field, [read.value])
    else known.push(read.value)
  }
  return fields
}

function readValue(bytes: Uint8Array, at: number, type: number): { readonly value?: WireValue; readonly next: number } | undefined {
  if (type === 0) return readVarint(bytes, at)
  if (type === 1 || type === 5) {
    const next = at + (type === 1 ? 8 : 4)
    return next > bytes.length ? undefined : { next }
  }
  if (type !== 2) return undefined
  const length = readVarint(bytes, at)
  if (length === undefined || length.value > BigInt(bytes.length - length.next)) return undefined
  const next = length.next + Number(length.value)
  return { value: bytes.subarray(length.next, next), next }
}

function readVarint(bytes: Uint8Array, from: number): { readonly value: bigint; readonly next: number } | undefined {
  let low = 0
  // Nearly all are short: numbers up to four bytes of seven bits, then big integers.
  for (let index = 0; index < 4; index++) {
    const byte = bytes[from + index]
    if (byte === undefined) return undefined
    low |= (byte & 127) << (7 * index)
    if (byte < 128) return { value: BigInt(low), next: from + index + 1 }
  }
  let value = BigInt(low)
  for (let index = 4; index < MAX_VARINT_BYTES; index++) {
    const byte = bytes[from + index]
    if (byte === undefined) return undefined
    value |= BigInt(byte & 127) << BigInt(7 * index)
    if (byte < 128) return { value: BigInt.asUintN(64, value), next: from + index + 1 }
  }
  return undefined
}

function varint(value: number): Uint8Array {
  const bytes: number[] = []
  let rest = value
  for (; rest >= 128; rest = Math.floor(rest / 128)) bytes.push((rest % 128) | 128)
  bytes.push(rest)
  return Uint8Array.from(bytes)
}
