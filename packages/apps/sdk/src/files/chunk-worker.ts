import { createCipheriv, createDecipheriv, type KeyObject } from "node:crypto"
import { parentPort, workerData } from "node:worker_threads"
import { AEAD_TAG_BYTES, chunkNonce, STREAM_CHUNK_BYTES, STREAM_SEALED_CHUNK_BYTES } from "@keygrove/crypto"

/** Memory of one batch, shared by all threads: what was read, and what becomes of it. */
export interface ChunkSlot {
  readonly input: Uint8Array<SharedArrayBuffer>
  readonly output: Uint8Array<SharedArrayBuffer>
}

/**
 * A thread that seals or opens full chunks of one AES-256-GCM stream. It gets the key as an object of the platform, which all threads share: there is no
 * copy of its bytes here.
 */
export interface ChunkThreadSetup {
  readonly key: KeyObject
  readonly direction: "seal" | "open"
  readonly slots: readonly ChunkSlot[]
}

/** One batch: full chunks at the start of a slot's input. */
export interface ChunkThreadJob {
  readonly slot: number
  readonly firstChunk: number
  readonly length: number
}

/** Bytes written to the slot's output, or -1 when a chunk does not hold. */
export type ChunkThreadAnswer = number

const NONCE_BYTES = 12

function seal(key: KeyObject, { input, output }: ChunkSlot, { firstChunk, length }: ChunkThreadJob): ChunkThreadAnswer {
  let written = 0
  for (let start = 0, chunk = firstChunk; start < length; start += STREAM_CHUNK_BYTES, chunk++) {
    const cipher = createCipheriv("aes-256-gcm", key, chunkNonce(NONCE_BYTES, chunk, false))
    written += take(cipher.update(input.subarray(start, start + STREAM_CHUNK_BYTES)), output, written)
    cipher.final()
    written += take(cipher.getAuthTag(), output, written)
  }
  return written
}

function open(key: KeyObject, { input, output }: ChunkSlot, { firstChunk, length }: ChunkThreadJob): ChunkThreadAnswer {
  let written = 0
  for (let start = 0, chunk = firstChunk; start < length; start += STREAM_SEALED_CHUNK_BYTES, chunk++) {
    const nonce = chunkNonce(NONCE_BYTES, chunk, false)
    const decipher = createDecipheriv("aes-256-gcm", key, nonce, { authTagLength: AEAD_TAG_BYTES })
    const tagStart = start + STREAM_CHUNK_BYTES
    decipher.setAuthTag(input.subarray(tagStart, tagStart + AEAD_TAG_BYTES))
    const length = take(decipher.update(input.subarray(start, tagStart)), output, written)
    try {
      decipher.final()
    } catch {
      // Nothing of a batch with a chunk that does not hold is given out; who asked finds out why.
      output.fill(0)
      return -1
    }
    written += length
  }
  return written
}

/** Copies a cipher's output to its place and frees it at once, so that the allocator gives the same warm pages to the next chunk. */
function take(bytes: Buffer<ArrayBuffer>, target: Uint8Array, at: number): number {
  const { length } = bytes
  target.set(bytes, at)
  if (bytes.byteLength === bytes.buffer.byteLength) bytes.buffer.transfer(0)
  return length
}

const { direction, key, slots }: ChunkThreadSetup = workerData
const work = direction === "seal" ? seal : open
parentPort?.on("message", (job: ChunkThreadJob) => {
  const slot = slots[job.slot]
  if (slot === undefined) throw new RangeError(`there is no slot ${job.slot}`)
  parentPort?.postMessage(work(key, slot, job))
})
