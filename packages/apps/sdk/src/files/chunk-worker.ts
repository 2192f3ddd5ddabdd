import { createCipheriv, createDecipheriv, type KeyObject } from "node:crypto"
import { parentPort, workerData } from "node:worker_threads"
import { AEAD_TAG_BYTES, chunkNonce, STREAM_CHUNK_BYTES, STREAM_SEALED_CHUNK_BYTES } from "@keygrove/crypto"

/**
 * A thread that seals or opens full chunks of one AES-256-GCM stream. It gets the key as an object of the platform, which all threads share: there is no
 * copy of its bytes here.
 */
export interface ChunkThreadSetup {
  readonly key: KeyObject
  readonly direction: "seal" | "open"
}

/** One batch: its chunks as they were read, and where the results go. Both buffers come back with the answer. */
export interface ChunkThreadJob {
  readonly firstChunk: number
  readonly input: Uint8Array<ArrayBuffer>
  /** Bytes of the input that count: full chunks. */
  readonly length: number
  readonly output: Uint8Array<ArrayBuffer>
}

export interface ChunkThreadAnswer {
  readonly input: Uint8Array<ArrayBuffer>
  readonly output: Uint8Array<ArrayBuffer>
  /** Bytes of the output, or -1 when a chunk does not hold. */
  readonly written: number
}

const NONCE_BYTES = 12

function seal({ key }: ChunkThreadSetup, { firstChunk, input, length, output }: ChunkThreadJob): number {
  let written = 0
  for (let start = 0, chunk = firstChunk; start < length; start += STREAM_CHUNK_BYTES, chunk++) {
    const cipher = createCipheriv("aes-256-gcm", key, chunkNonce(NONCE_BYTES, chunk, false))
    written += take(cipher.update(input.subarray(start, start + STREAM_CHUNK_BYTES)), output, written)
    cipher.final()
    written += take(cipher.getAuthTag(), output, written)
  }
  return written
}

function open({ key }: ChunkThreadSetup, { firstChunk, input, length, output }: ChunkThreadJob): number {
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

const setup: ChunkThreadSetup = workerData
const work = setup.direction === "seal" ? seal : open
parentPort?.on("message", (job: ChunkThreadJob) => {
  const answer: ChunkThreadAnswer = { input: job.input, output: job.output, written: work(setup, job) }
  parentPort?.postMessage(answer, [job.input.buffer, job.output.buffer])
})
