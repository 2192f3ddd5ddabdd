import { ok, refuse, type Result, type Secret } from "@keygrove/base"
import type { Aead } from "./primitives.ts"
import { AEAD_TAG_BYTES } from "./suites.ts"

/** Plaintext bytes of every chunk but the last. */
export const STREAM_CHUNK_BYTES = 65_536
/** Bytes of a full sealed chunk: ciphertext and tag. */
export const STREAM_SEALED_CHUNK_BYTES: number = STREAM_CHUNK_BYTES + AEAD_TAG_BYTES
/** The counter of the 12-byte nonce has 32 bits; the same limit (256 TiB) holds for every suite. */
const MAX_CHUNKS = 2 ** 32

export type StreamRefusal = "STREAM_CORRUPT" | "STREAM_TRUNCATED" | "STREAM_TRAILING"

/**
 * Seals a stream chunk by chunk: STREAM of Hoang, Reyhanitabar, Rogaway and Vizár (CRYPTO 2015, eprint 2015/189 §7). Chunk i has the
 * nonce zeros ‖ counter i big-endian ‖ 1 if it is the last, else 0: u32 counter in 12 bytes, u64 in 24. The key must
 * belong to this one stream, because the nonces repeat from stream to stream. Borrows the key until the stream ends.
 */
export class StreamSealer {
  readonly #aead: Aead
  readonly #key: Secret
  readonly #nonces: ChunkNonces

  constructor(aead: Aead, key: Secret) {
    this.#aead = aead
    this.#key = key
    this.#nonces = new ChunkNonces(aead.nonceBytes)
  }

  /**
   * Seals the next chunk into the start of `target`. A chunk that is not the last has exactly 64 KiB; the last has 1 byte to 64 KiB, or none
   * if it is the only one.
   * @returns the bytes written: chunk + 16.
   * @throws RangeError on any other length, TypeError after the last chunk.
   */
  sealInto(target: Uint8Array, chunk: Uint8Array, last: boolean): number {
    assertPlainLength(chunk.length, this.#nonces.index, last)
    const length = chunk.length + AEAD_TAG_BYTES
    this.#aead.sealInto(this.#key, this.#nonces.next(last), chunk, target.subarray(0, length))
    return length
  }

  /** {@link StreamSealer.sealInto} into fresh memory. */
  seal(chunk: Uint8Array, last: boolean): Uint8Array {
    const target = new Uint8Array(chunk.length + AEAD_TAG_BYTES)
    this.sealInto(target, chunk, last)
    return target
  }
}

/**
 * Opens what {@link StreamSealer} sealed. Whoever reads the stream says which chunk is the last in it; a chunk that was cut off, moved,
 * repeated, changed or appended does not open. Nothing is given out of a chunk whose tag does not hold. Borrows the key.
 */
export class StreamOpener {
  readonly #aead: Aead
  readonly #key: Secret
  readonly #nonces: ChunkNonces

  constructor(aead: Aead, key: Secret) {
    this.#aead = aead
    this.#key = key
    this.#nonces = new ChunkNonces(aead.nonceBytes)
  }

  /**
   * Opens the next chunk into the start of `target`, which must hold the chunk less 16 bytes.
   * @param last whether the input ends after this chunk.
   * @returns the bytes written; after a refusal the stream is over.
   * @throws RangeError when a chunk that is not the last has not 64 KiB + 16 bytes; TypeError when the stream is over.
   */
  openInto(target: Uint8Array, sealed: Uint8Array, last: boolean): Result<number, StreamRefusal> {
    const index = this.#nonces.index
    const length = sealed.length - AEAD_TAG_BYTES
    if (!last && length !== STREAM_CHUNK_BYTES)
      throw new RangeError(`sealed chunk has ${sealed.length} bytes, expected ${STREAM_SEALED_CHUNK_BYTES}`)
    if (length > STREAM_CHUNK_BYTES) throw new RangeError(`sealed chunk has ${sealed.length} bytes, at most ${STREAM_SEALED_CHUNK_BYTES}`)
    if (length < 0 || (length === 0 && index > 0)) {
      this.#nonces.end()
      return refuse("STREAM_TRUNCATED", `encrypted data ends inside chunk ${index}; fetch it again`, { chunk: index })
    }
    const plain = target.subarray(0, length)
    if (this.#aead.openInto(this.#key, this.#nonces.next(last), sealed, plain).ok) return ok(length)
    this.#nonces.end()
    return this.#explain(index, sealed, plain, last)
  }

  /** Why a chunk did not open. What opens under the opposite flag is only used to name the reason and wiped. */
  #explain(index: number, sealed: Uint8Array, scratch: Uint8Array, last: boolean): Result<never, StreamRefusal> {
    const opposite = ChunkNonces.at(this.#aead.nonceBytes, index, !last)
    const held = this.#aead.openInto(this.#key, opposite, sealed, scratch).ok
    scratch.fill(0)
    if (!held)
      return refuse("STREAM_CORRUPT", `chunk ${index} of the encrypted data was changed, moved, or is of another file; fetch it again`, {
        chunk: index,
      })
    if (last)
      return refuse("STREAM_TRUNCATED", `encrypted data ends after chunk ${index}, which is not its last; fetch it again`, { chunk: index })
    return refuse("STREAM_TRAILING", `encrypted data goes on after its last chunk ${index}; fetch it again`, { chunk: index })
  }
}

/** Gives each chunk its nonce, once, in order. */
class ChunkNonces {
  readonly #nonce: Uint8Array
  #index = 0
  #ended = false

  constructor(nonceBytes: number) {
    this.#nonce = new Uint8Array(nonceBytes)
  }

  static at(nonceBytes: number, index: number, last: boolean): Uint8Array {
    const nonce = new Uint8Array(nonceBytes)
    // A u64 counter below 2³² has four leading zero bytes, so both layouts write the same place.
    new DataView(nonce.buffer).setUint32(nonceBytes - 5, index)
    nonce[nonceBytes - 1] = last ? 1 : 0
    return nonce
  }

  get index(): number {
    return this.#index
  }

  /** The nonce of the next chunk, valid until the next call. */
  next(last: boolean): Uint8Array {
    if (this.#ended) throw new TypeError("the stream is over")
    if (this.#index >= MAX_CHUNKS) throw new RangeError(`a stream has at most ${MAX_CHUNKS} chunks`)
    this.#nonce.set(ChunkNonces.at(this.#nonce.length, this.#index, last))
    this.#index++
    this.#ended = last
    return this.#nonce
  }

  end(): void {
    this.#ended = true
  }
}

function assertPlainLength(length: number, index: number, last: boolean): void {
  if (!last && length !== STREAM_CHUNK_BYTES) throw new RangeError(`a chunk before the last has ${STREAM_CHUNK_BYTES} bytes, got ${length}`)
  if (length > STREAM_CHUNK_BYTES) throw new RangeError(`a chunk has at most ${STREAM_CHUNK_BYTES} bytes, got ${length}`)
  if (last && length === 0 && index > 0) throw new RangeError("only a stream of one chunk may end with an empty one")
}
