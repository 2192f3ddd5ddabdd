import {
  bytesWithinShape,
  checkShape,
  decodeCanonical,
  encodeCanonical,
  integerShape,
  ok,
  refuse,
  type Result,
  type Shape,
} from "@keygrove/base"
import type { Uint8ArrayList } from "uint8arraylist"
import * as v from "valibot"

/** Longest body of a request or answer in bytes. */
export const MAX_BODY_BYTES = 1_048_576
/** What a frame adds to its body. */
const MAX_FRAME_BYTES: number = MAX_BODY_BYTES + 256
const PREFIX_BYTES = 4

/** One message of the stream: a request, its answer, or why there is none. */
export type Frame =
  | { readonly id: number; readonly body: Uint8Array }
  | { readonly id: number; readonly error: "PEER_BUSY" | "PEER_PROTOCOL" }

const id = integerShape(1, Number.MAX_SAFE_INTEGER)
const shape: Shape<Frame> = v.union([
  v.strictObject({ id, body: bytesWithinShape(0, MAX_BODY_BYTES) }),
  v.strictObject({ id, error: v.picklist(["PEER_BUSY", "PEER_PROTOCOL"]) }),
])

/** u32be length and canonical CBOR. @throws RangeError on a body over 1 MiB. */
export function encodeFrame(frame: Frame): Uint8Array {
  const bytes = encodeCanonical({ ...frame })
  if (bytes.length > MAX_FRAME_BYTES) throw new RangeError(`a message between nodes has at most ${MAX_BODY_BYTES} bytes`)
  const framed = new Uint8Array(PREFIX_BYTES + bytes.length)
  new DataView(framed.buffer).setUint32(0, bytes.length)
  framed.set(bytes, PREFIX_BYTES)
  return framed
}

/** Cuts a stream into frames; what is not one ends the stream. Keeps at most one unfinished frame. */
export class FrameReader {
  #chunks: Uint8Array[] = []
  #buffered = 0
  /** Bytes until something can be cut; joining before would cost quadratic time for large frames. */
  #needed = PREFIX_BYTES

  /** The frames that a chunk completes. */
  push(chunk: Uint8Array | Uint8ArrayList): Result<readonly Frame[], "PEER_PROTOCOL"> {
    // A copy: the muxer owns the memory of what it hands out.
    this.#chunks.push(chunk.slice())
    this.#buffered += chunk.byteLength
    if (this.#buffered < this.#needed) return ok([])
    let joined: Uint8Array = this.#chunks.length === 1 && this.#chunks[0] !== undefined ? this.#chunks[0] : Buffer.concat(this.#chunks)
    const frames: Frame[] = []
    while (joined.length >= PREFIX_BYTES) {
      const length = new DataView(joined.buffer, joined.byteOffset, PREFIX_BYTES).getUint32(0)
      if (length > MAX_FRAME_BYTES) return refuse("PEER_PROTOCOL", `a frame of ${length} bytes; at most ${MAX_FRAME_BYTES} are accepted`)
      this.#needed = PREFIX_BYTES + length
      if (joined.length < this.#needed) break
      const frame = decodeFrame(joined.subarray(PREFIX_BYTES, this.#needed))
      if (!frame.ok) return frame
      frames.push(frame.value)
      joined = joined.subarray(this.#needed)
      this.#needed = PREFIX_BYTES
    }
    this.#chunks = joined.length === 0 ? [] : [joined]
    this.#buffered = joined.length
    return ok(frames)
  }
}

function decodeFrame(bytes: Uint8Array): Result<Frame, "PEER_PROTOCOL"> {
  const decoded = decodeCanonical(bytes, MAX_FRAME_BYTES)
  if (!decoded.ok) return refuse("PEER_PROTOCOL", decoded.message)
  return checkShape(decoded.value, { shape, code: "PEER_PROTOCOL", noun: "frame" })
}
