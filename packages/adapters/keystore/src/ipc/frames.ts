/** Longest frame in bytes, without its length prefix. */
export const MAX_FRAME_BYTES = 1_048_576
const PREFIX_BYTES = 4

/** A peer sent a length over {@link MAX_FRAME_BYTES}; its connection has no future. */
export class FrameTooLarge extends Error {
  override readonly name = "FrameTooLarge"
}

/** Cuts a byte stream into frames: u32be length, then the bytes. Holds at most one unfinished frame, and copies each byte once. */
export class FrameDecoder {
  readonly #prefix: Uint8Array = new Uint8Array(PREFIX_BYTES)
  #prefixFilled = 0
  #body: Uint8Array | undefined
  #bodyFilled = 0

  /**
   * The frames that `chunk` completes, in order. They share nothing with it.
   * @throws FrameTooLarge as soon as a length says so, before anything of that frame is kept.
   */
  push(chunk: Uint8Array): readonly Uint8Array[] {
    const frames: Uint8Array[] = []
    for (let rest = chunk; ;) {
      rest = rest.subarray(this.#fillPrefix(rest))
      if (this.#body === undefined) return frames
      const part = rest.subarray(0, this.#body.length - this.#bodyFilled)
      this.#body.set(part, this.#bodyFilled)
      this.#bodyFilled += part.length
      if (this.#bodyFilled < this.#body.length) return frames
      frames.push(this.#body)
      this.#body = undefined
      this.#prefixFilled = 0
      rest = rest.subarray(part.length)
    }
  }

  /** Takes what is missing of a length and makes room for its frame. How many bytes it used. */
  #fillPrefix(bytes: Uint8Array): number {
    if (this.#body !== undefined) return 0
    const part = bytes.subarray(0, PREFIX_BYTES - this.#prefixFilled)
    this.#prefix.set(part, this.#prefixFilled)
    this.#prefixFilled += part.length
    if (this.#prefixFilled < PREFIX_BYTES) return part.length
    const length = new DataView(this.#prefix.buffer).getUint32(0)
    if (length > MAX_FRAME_BYTES) throw new FrameTooLarge(`frame of ${length} bytes; at most ${MAX_FRAME_BYTES} are accepted`)
    this.#body = new Uint8Array(length)
    this.#bodyFilled = 0
    return part.length
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
