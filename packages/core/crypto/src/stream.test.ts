import { Secret } from "@keygrove/base"
import fc from "fast-check"
import { describe, expect, test } from "vitest"
import { portableXChaCha, portableAesGcm } from "./portable-aead.ts"
import { STREAM_CHUNK_BYTES, StreamOpener, StreamSealer } from "./stream.ts"

const key = Secret.take(new Uint8Array(32).fill(9))

/** Seals chunks of the given last length: full ones but the last. */
function sealed(fullChunks: number, lastLength: number): readonly Uint8Array[] {
  const sealer = new StreamSealer(portableXChaCha, key)
  const full = Array.from({ length: fullChunks }, (_, index) => sealer.seal(new Uint8Array(STREAM_CHUNK_BYTES).fill(index), false))
  return [...full, sealer.seal(new Uint8Array(lastLength).fill(0xff), true)]
}

/** Opens chunks in order; the code of the first refusal, or `undefined`. */
function open(chunks: readonly Uint8Array[]): string | undefined {
  const opener = new StreamOpener(portableXChaCha, key)
  const target = new Uint8Array(STREAM_CHUNK_BYTES)
  for (const [index, chunk] of chunks.entries()) {
    const opened = opener.openInto(target, chunk, index === chunks.length - 1)
    if (!opened.ok) {
      expect(target.subarray(0, Math.max(0, chunk.length - 16)).every((byte) => byte === 0)).toBe(true)
      return opened.code
    }
  }
  return undefined
}

describe("STREAM", () => {
  test("opens what it sealed, empty streams and full last chunks too", () => {
    for (const [full, last] of [
      [0, 0],
      [0, 1],
      [0, STREAM_CHUNK_BYTES],
      [1, 1],
      [2, STREAM_CHUNK_BYTES],
    ] as const)
      expect(open(sealed(full, last))).toBeUndefined()
  })

  test("names truncation, trailing data, reordering, repetition and changes", () => {
    const chunks = sealed(3, 100)
    const [a, b, c, d] = chunks
    if (a === undefined || b === undefined || c === undefined || d === undefined) throw new TypeError("four chunks")
    expect(open([a, b, c])).toBe("STREAM_TRUNCATED")
    expect(open([a])).toBe("STREAM_TRUNCATED")
    expect(open([a, b, c, d.subarray(0, 15)])).toBe("STREAM_TRUNCATED")
    expect(open([a, b, c, new Uint8Array(16)])).toBe("STREAM_TRUNCATED")
    expect(open([b, a, c, d])).toBe("STREAM_CORRUPT")
    expect(open([a, a, b, c, d])).toBe("STREAM_CORRUPT")
    expect(open([a, c, d])).toBe("STREAM_CORRUPT")
    expect(open([a, b, c, d.subarray(1)])).toBe("STREAM_CORRUPT")
    const [only] = sealed(0, STREAM_CHUNK_BYTES)
    expect(open([only ?? a, d])).toBe("STREAM_TRAILING")
  })

  test("refuses any changed byte", () => {
    const chunks = sealed(1, 40)
    const sizes = chunks.map((chunk) => chunk.length)
    fc.assert(
      fc.property(fc.nat({ max: 1 }), fc.nat(), fc.integer({ min: 1, max: 255 }), (which, at, change) => {
        const copies = chunks.map((chunk) => Uint8Array.from(chunk))
        const target = copies[which]
        const position = at % (sizes[which] ?? 1)
        if (target === undefined) return
        target[position] = (target[position] ?? 0) ^ change
        expect(open(copies)).toBe("STREAM_CORRUPT")
      }),
      { numRuns: 25 },
    )
  })

  test("lays nonces out as documented", () => {
    // The second and last chunk under AES-GCM: 7 zero bytes, counter 1, last flag 1.
    const sealer = new StreamSealer(portableAesGcm, key)
    sealer.seal(new Uint8Array(STREAM_CHUNK_BYTES), false)
    const nonce = Uint8Array.of(0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 1)
    expect(sealer.seal(Uint8Array.of(5), true)).toEqual(portableAesGcm.seal(key, nonce, Uint8Array.of(5)))
    const wide = new StreamSealer(portableXChaCha, key)
    expect(wide.seal(Uint8Array.of(5), true)).toEqual(portableXChaCha.seal(key, new Uint8Array(24).fill(1, 23), Uint8Array.of(5)))
  })

  test("takes no chunk of a wrong length and none after the last", () => {
    const sealer = new StreamSealer(portableXChaCha, key)
    expect(() => sealer.seal(new Uint8Array(1), false)).toThrow(RangeError)
    expect(() => sealer.seal(new Uint8Array(STREAM_CHUNK_BYTES + 1), true)).toThrow(RangeError)
    sealer.seal(new Uint8Array(1), true)
    expect(() => sealer.seal(new Uint8Array(1), true)).toThrow(TypeError)
    const full = new StreamSealer(portableXChaCha, key)
    full.seal(new Uint8Array(STREAM_CHUNK_BYTES), false)
    expect(() => full.seal(new Uint8Array(0), true)).toThrow(RangeError)
  })

  test("is over after a refusal", () => {
    const opener = new StreamOpener(portableXChaCha, key)
    const target = new Uint8Array(STREAM_CHUNK_BYTES)
    expect(opener.openInto(target, new Uint8Array(20), true).ok).toBe(false)
    expect(() => opener.openInto(target, new Uint8Array(20), true)).toThrow(TypeError)
  })
})
