/** Longest frame in bytes, without its length prefix. */
export const MAX_FRAME_BYTES = 1_048_576
const PREFIX_BYTES = 4

/** A peer sent a length over {@link MAX_FRAME_BYTES}; its connection has no future. */
export class FrameTooLarge extends Error {
  override readonly name = "FrameTooLarge"
}

/** Cuts a byte stream into frames: u32be length, then the bytes. Holds at most one unfinished frame. */
export class FrameDecoder {
  #buffered: Uint8Array = new Uint8Array(0)

  /**
   * The frames that `chunk` completes, in order.
   * @throws FrameTooLarge as soon as a length says so, before anything of that frame is kept.
   */
  push(chunk: Uint8Array): readonly Uint8Array[] {
    const frames: Uint8Array[] = []
    this.#buffered = this.#buffered.length === 0 ? chunk : Buffer.concat([this.#buffered, chunk])
    while (this.#buffered.length >= PREFIX_BYTES) {
      const view = new DataView(this.#buffered.buffer, this.#buffered.byteOffset, PREFIX_BYTES)
      const length = view.getUint32(0)
      if (length > MAX_FRAME_BYTES) throw new FrameTooLarge(`frame of ${length} bytes; at most ${MAX_FRAME_BYTES} are accepted`)
      if (this.#buffered.length < PREFIX_BYTES + length) break
      const frame = this.#buffered.slice(PREFIX_BYTES, PREFIX_BYTES + length)
      this.#buffered = this.#buffered.subarray(PREFIX_BYTES + length)
      frames.push(frame)
    }
    // A view would keep the whole chunk alive.
    this.#buffered = this.#buffered.slice()
    return frames
  }
}

/** A frame ready to be sent. */
export function encodeFrame(body: Uint8Array): Uint8Array {
  if (body.length > MAX_FRAME_BYTES) throw new RangeError(`frame of ${body.length} bytes; at most ${MAX_FRAME_BYTES} can be sent`)
  const frame = new Uint8Array(PREFIX_BYTES + body.length)
  new DataView(frame.buffer).setUint32(0, body.length)
  frame.set(body, PREFIX_BYTES)
  return frame
}
