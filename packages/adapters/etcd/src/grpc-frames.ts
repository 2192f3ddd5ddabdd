/** Longest message of an answer: the most entries of a slice, each as long as can be, with its key and head. */
export const MAX_GRPC_MESSAGE_BYTES: number = 256 * (65_536 + 512)

const PREFIX_BYTES = 5

/** One message as gRPC frames it: 0 for not compressed, its length in four bytes, itself. */
export function frameMessage(message: Uint8Array): Uint8Array {
  const frame = new Uint8Array(PREFIX_BYTES + message.length)
  new DataView(frame.buffer).setUint32(1, message.length)
  frame.set(message, PREFIX_BYTES)
  return frame
}

/** Takes messages out of the bytes of a stream. */
export class GrpcFrames {
  #chunks: Uint8Array[] = []
  #length = 0

  /** Whether bytes are left that are no whole message. */
  get isPartial(): boolean {
    return this.#length > 0
  }

  /** The messages that are whole now; `undefined` when these are no frames of gRPC, or longer than {@link MAX_GRPC_MESSAGE_BYTES}. */
  push(chunk: Uint8Array): readonly Uint8Array[] | undefined {
    // A plain array: a part of a Buffer shares its memory even where it says that it copies.
    this.#chunks.push(new Uint8Array(chunk.buffer, chunk.byteOffset, chunk.length))
    this.#length += chunk.length
    const messages: Uint8Array[] = []
    for (;;) {
      const size = this.#messageLength()
      if (size === undefined || size === "none") return size === undefined ? messages : undefined
      if (this.#length < PREFIX_BYTES + size) return messages
      messages.push(this.#take(PREFIX_BYTES + size).subarray(PREFIX_BYTES))
    }
  }

  #messageLength(): number | "none" | undefined {
    if (this.#length < PREFIX_BYTES) return undefined
    const first = this.#chunks[0]
    const head = first !== undefined && first.length >= PREFIX_BYTES ? first : this.#join()
    const size = new DataView(head.buffer, head.byteOffset).getUint32(1)
    return head[0] === 0 && size <= MAX_GRPC_MESSAGE_BYTES ? size : "none"
  }

  #take(length: number): Uint8Array {
    const all = this.#join()
    this.#chunks = all.length === length ? [] : [all.subarray(length)]
    this.#length -= length
    return all.subarray(0, length)
  }

  #join(): Uint8Array {
    const [only] = this.#chunks
    if (only !== undefined && this.#chunks.length === 1) return only
    const all = new Uint8Array(this.#length)
    let at = 0
    for (const chunk of this.#chunks) {
      all.set(chunk, at)
      at += chunk.length
    }
    this.#chunks = [all]
    return all
  }
}
