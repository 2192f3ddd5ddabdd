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
import { MAX_MESSAGE_BYTES } from "@keygrove/service"
import type { Uint8ArrayList } from "uint8arraylist"
import * as v from "valibot"

/** Longest frame in bytes without its length: a frame adds less than 256 bytes to its body. */
export const MAX_FRAME_BYTES: number = MAX_MESSAGE_BYTES + 256
const PREFIX_BYTES = 4
/** What a reader begins with; it doubles as a frame grows. */
const SMALL_BUFFER_BYTES = 1_024

/** One message of the stream: a request, its answer, or why there is none. */
export type Frame = { readonly id: number; readonly body: Uint8Array } | { readonly id: number; readonly error: FrameError }

/** Why a request has no answer. */
export type FrameError = (typeof FRAME_ERRORS)[number]

const FRAME_ERRORS = ["PEER_BUSY", "PEER_PROTOCOL", "PEER_UNKNOWN", "PEER_REMOVED"] as const

const id = integerShape(1, Number.MAX_SAFE_INTEGER)
const shape: Shape<Frame> = v.union([
  v.strictObject({ id, body: bytesWithinShape(0, MAX_MESSAGE_BYTES) }),
  v.strictObject({ id, error: v.picklist(FRAME_ERRORS) }),
])

/** u32be length and canonical CBOR. @throws RangeError on a body over 1 MiB. */
export function encodeFrame(frame: Frame): Uint8Array {
  if ("body" in frame && frame.body.length > MAX_MESSAGE_BYTES)
    throw new RangeError(`a message between nodes has at most ${MAX_MESSAGE_BYTES} bytes, got ${frame.body.length}`)
  const bytes = encodeCanonical({ ...frame })
  const framed = new Uint8Array(PREFIX_BYTES + bytes.length)
  new DataView(framed.buffer).setUint32(0, bytes.length)
  framed.set(bytes, PREFIX_BYTES)
  return framed
}

/**
 * Cuts a stream into frames; what is not one ends the stream. Keeps one unfinished frame, in memory that grows with what arrived: neither a length
 * that is only announced nor a body in single bytes costs more than twice the bytes received.
 */
export class FrameReader {
  #buffer: Uint8Array = new Uint8Array(SMALL_BUFFER_BYTES)
  #used = 0

  /** Bytes of the unfinished frame. */
  get buffered(): number {
    return this.#used
  }

  /** The frames that a chunk completes. */
  push(chunk: Uint8Array | Uint8ArrayList): Result<readonly Frame[], "PEER_PROTOCOL"> {
    // A copy: the muxer owns the memory of what it hands out.
    this.#append(chunk.subarray())
    const frames: Frame[] = []
    let start = 0
    while (this.#used - start >= PREFIX_BYTES) {
      const length = new DataView(this.#buffer.buffer).getUint32(start)
      if (length > MAX_FRAME_BYTES) return refuse("PEER_PROTOCOL", `a frame of ${length} bytes; at most ${MAX_FRAME_BYTES} are accepted`)
      const end = start + PREFIX_BYTES + length
      if (this.#used < end) break
      // A copy again, because what is decoded points into it and outlives this buffer.
      const frame = decodeFrame(this.#buffer.slice(start + PREFIX_BYTES, end))
      if (!frame.ok) return frame
      frames.push(frame.value)
      start = end
    }
    this.#forget(start)
    return ok(frames)
  }

  #append(chunk: Uint8Array): void {
    const needed = this.#used + chunk.length
    if (needed > this.#buffer.length) {
      const grown = new Uint8Array(Math.max(needed, 2 * this.#buffer.length))
      grown.set(this.#buffer.subarray(0, this.#used))
      this.#buffer = grown
    }
    this.#buffer.set(chunk, this.#used)
    this.#used = needed
  }

  /** Drops what was cut off; a reader that waits for nothing keeps no big buffer. */
  #forget(count: number): void {
    if (count === 0) return
    const rest = this.#buffer.subarray(count, this.#used)
    if (rest.length <= SMALL_BUFFER_BYTES && this.#buffer.length > SMALL_BUFFER_BYTES) {
      const small = new Uint8Array(SMALL_BUFFER_BYTES)
      small.set(rest)
      this.#buffer = small
    } else this.#buffer.set(rest, 0)
    this.#used = rest.length
  }
}

function decodeFrame(bytes: Uint8Array): Result<Frame, "PEER_PROTOCOL"> {
  const decoded = decodeCanonical(bytes, MAX_FRAME_BYTES)
  if (!decoded.ok) return refuse("PEER_PROTOCOL", decoded.message)
  return checkShape(decoded.value, { shape, code: "PEER_PROTOCOL", noun: "frame" })
}
