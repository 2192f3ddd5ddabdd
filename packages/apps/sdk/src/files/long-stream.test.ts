import { createHash } from "node:crypto"
import { KeygroveError } from "@keygrove/base"
import { STREAM_CHUNK_BYTES, STREAM_SEALED_CHUNK_BYTES } from "@keygrove/crypto"
import { nativePrimitives } from "@keygrove/curves-native"
import { beforeAll, describe, expect, test } from "vitest"
import { decryptStream } from "./decrypt-stream.ts"
import { encryptStream } from "./encrypt-stream.ts"
import { fixtureKey, fixtureLabel, fixtureTools } from "./file-fixture.ts"

/** Over 64 MiB, threads take over; 200 chunks more, so that they have several batches each, and a last one that is not full. */
const PLAIN_BYTES = 67_108_864 + 200 * STREAM_CHUNK_BYTES + 12_345
const { signal } = new AbortController()

/** Bytes that differ from place to place, in blocks of a mebibyte. */
function* plain(length = PLAIN_BYTES): Generator<Uint8Array> {
  const block = new Uint8Array(1_048_576)
  for (let at = 0; at < length; at += block.length) {
    block.fill((at / block.length) % 251)
    new DataView(block.buffer).setUint32(0, at)
    yield block.slice(0, Math.min(block.length, length - at))
  }
}

async function hashOf(blocks: AsyncIterable<Uint8Array> | Iterable<Uint8Array>): Promise<string> {
  const hash = createHash("sha256")
  for await (const block of blocks) hash.update(block)
  return hash.digest("hex")
}

let sealed: Buffer
let expected: string
let headerBytes: number

beforeAll(async () => {
  const blocks: Uint8Array[] = []
  for await (const block of encryptStream(fixtureTools, plain(), { ...fixtureLabel, signal })) blocks.push(block)
  headerBytes = blocks[0]?.length ?? 0
  sealed = Buffer.concat(blocks)
  expected = await hashOf(plain())
}, 60_000)

const decrypt = (bytes: Buffer, primitives = nativePrimitives): AsyncGenerator<Uint8Array, void, undefined> =>
  decryptStream(primitives, [bytes], { fileKey: fixtureKey, signal })
/** Where a chunk begins in the file. */
const chunkAt = (index: number): number => headerBytes + index * STREAM_SEALED_CHUNK_BYTES

async function codeOf(bytes: Buffer): Promise<string> {
  try {
    await hashOf(decrypt(bytes))
    return "opened"
  } catch (error) {
    return error instanceof KeygroveError ? `${error.code} ${String(error.data["chunk"])}` : String(error)
  }
}

describe("a stream that is long enough for threads", { timeout: 60_000 }, () => {
  test("opens with threads, and without", async () => {
    expect(sealed.length).toBe(headerBytes + PLAIN_BYTES + 16 * Math.ceil(PLAIN_BYTES / STREAM_CHUNK_BYTES))
    expect(await hashOf(decrypt(sealed))).toBe(expected)
    // Threads are for the native platform only: under another name the same ciphers work here.
    expect(await hashOf(decrypt(sealed, { ...nativePrimitives, implementation: "portable" }))).toBe(expected)
  })

  test.each([1_023, 1_031, 1_223])("says which chunk was changed: %d", async (index) => {
    const changed = Buffer.from(sealed)
    const at = chunkAt(index) + 100
    changed[at] = (changed[at] ?? 0) ^ 1
    expect(await codeOf(changed)).toBe(`FILE_CORRUPT ${index}`)
  })

  test("notices chunks that changed places, and an end that is missing or too much", async () => {
    const swapped = Buffer.from(sealed)
    sealed.copy(swapped, chunkAt(1_060), chunkAt(1_061), chunkAt(1_062))
    sealed.copy(swapped, chunkAt(1_061), chunkAt(1_060), chunkAt(1_061))
    expect(await codeOf(swapped)).toBe("FILE_CORRUPT 1060")
    expect(await codeOf(sealed.subarray(0, chunkAt(1_100)))).toBe("FILE_TRUNCATED 1099")
    expect(await codeOf(Buffer.concat([sealed, Buffer.alloc(70_000)]))).toMatch(/^FILE_(?:CORRUPT|TRAILING) 1224$/)
  })

  test("ends its threads when it is left or aborted half-way", async () => {
    const aborting = new AbortController()
    const reason = new Error("enough")
    let bytes = 0
    const stream = encryptStream(fixtureTools, plain(200_000_000), { ...fixtureLabel, signal: aborting.signal })
    await expect(
      (async () => {
        for await (const block of stream) {
          bytes += block.length
          if (bytes > 80_000_000) aborting.abort(reason)
        }
      })(),
    ).rejects.toBe(reason)
    for await (const block of decrypt(sealed)) {
      bytes += block.length
      if (bytes > 160_000_000) break
    }
    // Threads still at work would keep this process from ending.
    expect(process.getActiveResourcesInfo().filter((name) => name === "Worker")).toEqual([])
  })
})
