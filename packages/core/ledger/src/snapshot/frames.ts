import { concatBytes, decodeCanonical, encodeCanonical, type CborValue } from "@keygrove/base"
import { MAX_SNAPSHOT_CHUNK_BYTES, MAX_SNAPSHOT_RECORD_BYTES } from "../limits.ts"

/** Bytes before a record: its length, u32be. */
const FRAME_BYTES = 4

/** Writes records behind one another, each after its length, and cuts the whole at {@link MAX_SNAPSHOT_CHUNK_BYTES}: the same records give the same chunks. */
export function* chunksOf(records: Iterable<CborValue>): Generator<Uint8Array, undefined> {
  let chunk = new Uint8Array(MAX_SNAPSHOT_CHUNK_BYTES)
  let used = 0
  for (const record of records) {
    for (let rest = framed(encodeCanonical(record)); rest.length > 0;) {
      const part = rest.subarray(0, MAX_SNAPSHOT_CHUNK_BYTES - used)
      chunk.set(part, used)
      used += part.length
      rest = rest.subarray(part.length)
      if (used < MAX_SNAPSHOT_CHUNK_BYTES) continue
      yield chunk
      chunk = new Uint8Array(MAX_SNAPSHOT_CHUNK_BYTES)
      used = 0
    }
  }
  if (used > 0) yield chunk.slice(0, used)
}

/** What the chunks carry, record by record; `undefined` in the place of what is no record, after which nothing comes. All chunks but the last have to be full. */
export function* recordsOf(chunks: Iterable<Uint8Array>): Generator<CborValue | undefined, undefined> {
  let rest: Uint8Array = new Uint8Array(0)
  let isLast = false
  for (const chunk of chunks) {
    if (isLast || chunk.length < 1 || chunk.length > MAX_SNAPSHOT_CHUNK_BYTES) return yield undefined
    isLast = chunk.length < MAX_SNAPSHOT_CHUNK_BYTES
    rest = rest.length === 0 ? chunk : concatBytes(rest, chunk)
    let offset = 0
    for (let length = lengthAt(rest, offset); length !== undefined; length = lengthAt(rest, offset)) {
      if (length < 1 || length > MAX_SNAPSHOT_RECORD_BYTES) return yield undefined
      const end = offset + FRAME_BYTES + length
      if (end > rest.length) break
      const record = decodeCanonical(rest.subarray(offset + FRAME_BYTES, end), MAX_SNAPSHOT_RECORD_BYTES)
      if (!record.ok) return yield undefined
      yield record.value
      offset = end
    }
    rest = rest.subarray(offset)
  }
  if (rest.length > 0) yield undefined
}

function framed(bytes: Uint8Array): Uint8Array {
  if (bytes.length > MAX_SNAPSHOT_RECORD_BYTES) throw new RangeError("a record of a snapshot is longer than any entry lets it become")
  const frame = new Uint8Array(FRAME_BYTES + bytes.length)
  new DataView(frame.buffer).setUint32(0, bytes.length)
  frame.set(bytes, FRAME_BYTES)
  return frame
}

function lengthAt(bytes: Uint8Array, offset: number): number | undefined {
  if (bytes.length - offset < FRAME_BYTES) return undefined
  return new DataView(bytes.buffer, bytes.byteOffset + offset).getUint32(0)
}
