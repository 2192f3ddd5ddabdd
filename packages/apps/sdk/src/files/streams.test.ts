import { randomBytes } from "node:crypto"
import { Readable } from "node:stream"
import { KeygroveError } from "@keygrove/base"
import { nativePrimitives } from "@keygrove/curves-native"
import { STREAM_CHUNK_BYTES, STREAM_SEALED_CHUNK_BYTES, SUITE_NAMES, type SuiteName } from "@keygrove/crypto"
import { encodeFileHeader } from "@keygrove/reencryption"
import fc from "fast-check"
import { describe, expect, test } from "vitest"
import { decryptStream } from "./decrypt-stream.ts"
import { encryptStream } from "./encrypt-stream.ts"
import { fixtureKey, fixtureLabel, fixtureTools } from "./file-fixture.ts"
import { readHeader } from "./read-header.ts"

const { signal } = new AbortController()

async function collect(blocks: AsyncIterable<Uint8Array>): Promise<Uint8Array> {
  const parts: Uint8Array[] = []
  for await (const block of blocks) parts.push(block)
  return Uint8Array.from(Buffer.concat(parts))
}

/** Bytes in pieces of `size`. */
function* pieces(bytes: Uint8Array, size: number): Generator<Uint8Array> {
  for (let start = 0; start < bytes.length; start += size) yield bytes.subarray(start, start + size)
}

async function encrypted(bytes: Uint8Array, suite: SuiteName = "aes-256-gcm"): Promise<Uint8Array> {
  return await collect(encryptStream(fixtureTools, [bytes], { ...fixtureLabel, suite, signal }))
}

async function decrypted(bytes: Uint8Array): Promise<Uint8Array> {
  return await collect(decryptStream(nativePrimitives, pieces(bytes, 100_000), { fileKey: fixtureKey, signal }))
}

/** The code that decryption ends with, or `undefined`. */
async function refusal(bytes: Uint8Array): Promise<string | undefined> {
  try {
    await decrypted(bytes)
    return undefined
  } catch (error) {
    if (error instanceof KeygroveError) return error.code
    throw error
  }
}

const CHUNK = STREAM_CHUNK_BYTES
const BATCH = 32 * CHUNK
const LENGTHS = [0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 2 * CHUNK, BATCH - 1, BATCH, BATCH + 1, BATCH + CHUNK, 2 * BATCH]

describe("file streams", () => {
  test.each(SUITE_NAMES)("%s round-trips at every border", async (suite) => {
    const slow = suite === "aes-256-gcm-siv"
    for (const length of slow ? LENGTHS.slice(0, 6) : LENGTHS) {
      const plain = Uint8Array.from(randomBytes(length))
      const file = await encrypted(plain, suite)
      expect(Buffer.compare(await decrypted(file), plain), `${length} bytes`).toBe(0)
    }
  })

  test("round-trips whatever the pieces it is given", async () => {
    await fc.assert(
      fc.asyncProperty(fc.nat({ max: 3 * CHUNK }), fc.integer({ min: 1_000, max: 200_000 }), async (length, size) => {
        const plain = Uint8Array.from(randomBytes(length))
        const file = await collect(encryptStream(fixtureTools, Readable.from(pieces(plain, size)), { ...fixtureLabel, signal }))
        expect(Buffer.compare(await decrypted(file), plain)).toBe(0)
      }),
      { numRuns: 20 },
    )
  })

  test("detects truncation at every chunk border and elsewhere", async () => {
    const file = await encrypted(Uint8Array.from(randomBytes(3 * CHUNK + 10)))
    const start = file.length - 3 * STREAM_SEALED_CHUNK_BYTES - 26
    for (let chunks = 0; chunks <= 3; chunks++)
      expect(await refusal(file.subarray(0, start + chunks * STREAM_SEALED_CHUNK_BYTES))).toBe("FILE_TRUNCATED")
    for (const length of [0, 1, 13, 14, start - 1])
      expect(await refusal(file.subarray(0, length))).toBe(length === 0 ? "FILE_NOT_KEYGROVE" : "FILE_TRUNCATED")
    for (const length of [file.length - 1, start + 100, start + STREAM_SEALED_CHUNK_BYTES + 20])
      expect(await refusal(file.subarray(0, length))).toBe("FILE_CORRUPT")
  })

  test("detects trailing data, reordered and repeated chunks", async () => {
    const exact = await encrypted(Uint8Array.from(randomBytes(2 * CHUNK)))
    const start = exact.length - 2 * STREAM_SEALED_CHUNK_BYTES
    const head = exact.subarray(0, start)
    const [a, b] = [exact.subarray(start, start + STREAM_SEALED_CHUNK_BYTES), exact.subarray(start + STREAM_SEALED_CHUNK_BYTES)]
    expect(await refusal(Buffer.concat([exact, Buffer.from("x")]))).toBe("FILE_TRAILING")
    expect(await refusal(Buffer.concat([head, b, a]))).toBe("FILE_CORRUPT")
    expect(await refusal(Buffer.concat([head, a, a, b]))).toBe("FILE_CORRUPT")
    expect(await refusal(Buffer.concat([head, a]))).toBe("FILE_TRUNCATED")
  })

  test("detects a flipped bit anywhere, the header included", async () => {
    const file = await encrypted(Uint8Array.from(randomBytes(CHUNK + 50)))
    const headerLength = file.length - STREAM_SEALED_CHUNK_BYTES - 66
    const anywhere = fc.oneof(fc.nat({ max: headerLength - 1 }), fc.nat({ max: file.length - 1 }))
    await fc.assert(
      fc.asyncProperty(anywhere, fc.nat({ max: 7 }), async (at, bit) => {
        const changed = Uint8Array.from(file)
        changed[at] = (changed[at] ?? 0) ^ (1 << bit)
        expect(await refusal(changed)).toMatch(/^(FILE_|SUITE_UNKNOWN)/)
      }),
      { numRuns: 200 },
    )
  })

  test("reads the header and leaves the stream", async () => {
    const file = await encrypted(new Uint8Array(10))
    let ended = false
    async function* source(): AsyncGenerator<Uint8Array> {
      try {
        yield* pieces(file, 50)
      } finally {
        ended = true
      }
    }
    const { header, headerDigest } = await readHeader(nativePrimitives, source(), { signal })
    expect(header).toMatchObject({ ...fixtureLabel, suite: "aes-256-gcm" })
    expect(headerDigest).toEqual(nativePrimitives.sha256(encodeFileHeader(header)))
    expect(ended).toBe(true)
  })

  test("ends on abort even while the source is silent, and destroys it", async () => {
    const controller = new AbortController()
    const silent = new Readable({ read: () => undefined })
    const reading = collect(encryptStream(fixtureTools, silent, { ...fixtureLabel, signal: controller.signal }))
    queueMicrotask(() => controller.abort(new Error("enough")))
    await expect(reading).rejects.toThrow("enough")
    expect(silent.destroyed).toBe(true)
  })

  test("passes on what the source and the key source throw", async () => {
    async function* broken(): AsyncGenerator<Uint8Array> {
      yield new Uint8Array(10)
      throw new Error("cable pulled")
    }
    await expect(collect(encryptStream(fixtureTools, broken(), { ...fixtureLabel, signal }))).rejects.toThrow("cable pulled")
    const fileKey = async (): Promise<never> => Promise.reject(new KeygroveError("POLICY_REVOKED", "no"))
    const file = await encrypted(new Uint8Array(1))
    await expect(collect(decryptStream(nativePrimitives, [file], { fileKey, signal }))).rejects.toMatchObject({ code: "POLICY_REVOKED" })
  })
})
