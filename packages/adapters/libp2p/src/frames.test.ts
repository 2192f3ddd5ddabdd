import { encodeCanonical, unwrap, type CborValue } from "@keygrove/base"
import { MAX_MESSAGE_BYTES } from "@keygrove/service"
import * as fc from "fast-check"
import { describe, expect, test } from "vitest"
import { encodeFrame, FrameReader, MAX_FRAME_BYTES, type Frame } from "./frames.ts"

const anyId = fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER })
const anyFrame: fc.Arbitrary<Frame> = fc.oneof(
  fc.record({ id: anyId, body: fc.uint8Array({ maxLength: 300 }) }),
  fc.record({ id: anyId, error: fc.constantFrom("PEER_BUSY" as const, "PEER_PROTOCOL" as const) }),
)

/** Cuts bytes into pieces of the lengths given, again and again. */
function* pieces(bytes: Uint8Array, lengths: readonly number[]): Generator<Uint8Array> {
  for (let start = 0, turn = 0; start < bytes.length; turn++) {
    const end = start + (lengths[turn % lengths.length] ?? 1)
    yield bytes.subarray(start, end)
    start = end
  }
}

function readAll(chunks: Iterable<Uint8Array>): Frame[] {
  const reader = new FrameReader()
  return [...chunks].flatMap((chunk) => unwrap(reader.push(chunk)))
}

/** A frame of any content with its length. */
function framed(value: CborValue): Uint8Array {
  const bytes = encodeCanonical(value)
  const length = new Uint8Array(4)
  new DataView(length.buffer).setUint32(0, bytes.length)
  return Buffer.concat([length, bytes])
}

const refused = { ok: false, code: "PEER_PROTOCOL" }

describe("frames", () => {
  test("have the bytes of the protocol", () => {
    expect(Buffer.from(encodeFrame({ id: 7, body: Uint8Array.of(1, 2) })).toString("hex")).toBe("0000000da26269640764626f6479420102")
    expect(Buffer.from(encodeFrame({ id: 300, error: "PEER_BUSY" })).toString("hex")).toBe(
      "00000017a262696419012c656572726f7269504545525f42555359",
    )
  })

  test("come out as they went in, however the stream is cut", () => {
    fc.assert(
      fc.property(
        fc.array(anyFrame, { maxLength: 12 }),
        fc.array(fc.integer({ min: 1, max: 700 }), { minLength: 1 }),
        (frames, lengths) => {
          expect(readAll(pieces(Buffer.concat(frames.map(encodeFrame)), lengths))).toEqual(frames)
        },
      ),
    )
  })

  test("of 1 MiB come out whole, in pieces and followed by another", () => {
    const body = new Uint8Array(MAX_MESSAGE_BYTES).fill(9)
    const bytes = Buffer.concat([encodeFrame({ id: Number.MAX_SAFE_INTEGER, body }), encodeFrame({ id: 1, error: "PEER_BUSY" })])
    for (const length of [bytes.length, 65_536, 4_099]) {
      const [big, small] = readAll(pieces(bytes, [length]))
      expect(big !== undefined && "body" in big && Buffer.compare(big.body, body)).toBe(0)
      expect(small).toEqual({ id: 1, error: "PEER_BUSY" })
    }
  })

  test("keep nothing of the chunks they came in", () => {
    const bytes = encodeFrame({ id: 1, body: Uint8Array.of(1, 2, 3) })
    const reader = new FrameReader()
    unwrap(reader.push(bytes.subarray(0, 9)))
    const rest = bytes.slice(9)
    bytes.fill(0)
    const frames = unwrap(reader.push(rest))
    rest.fill(0)
    unwrap(reader.push(encodeFrame({ id: 2, body: Uint8Array.of(9, 9, 9) })))
    expect(frames).toEqual([{ id: 1, body: Uint8Array.of(1, 2, 3) }])
    expect(reader.buffered).toBe(0)
  })

  test("refuse a body over 1 MiB on either side", () => {
    const body = new Uint8Array(MAX_MESSAGE_BYTES + 1)
    expect(() => encodeFrame({ id: 1, body })).toThrow(RangeError)
    expect(new FrameReader().push(framed({ id: 1, body }))).toMatchObject(refused)
  })
})

describe("a reader refuses", () => {
  test.each([MAX_FRAME_BYTES + 1, 0x7fff_ffff, 0x8000_0000, 0xffff_ffff])("a length of %i as soon as it is read", (length) => {
    const prefix = new Uint8Array(4)
    new DataView(prefix.buffer).setUint32(0, length)
    const reader = new FrameReader()
    expect(reader.push(prefix.subarray(0, 3))).toEqual({ ok: true, value: [] })
    expect(reader.push(prefix.subarray(3))).toMatchObject(refused)
  })

  test.each<[string, CborValue]>([
    ["no map", [1, 2]],
    ["no id", { body: new Uint8Array(1) }],
    ["id 0", { id: 0, body: new Uint8Array(1) }],
    ["a negative id", { id: -1, body: new Uint8Array(1) }],
    ["a text id", { id: "1", body: new Uint8Array(1) }],
    ["no content", { id: 1 }],
    ["a text body", { id: 1, body: "x" }],
    ["body and error", { id: 1, body: new Uint8Array(1), error: "PEER_BUSY" }],
    ["an unknown error", { id: 1, error: "PEER_UNREACHABLE" }],
    ["another field", { id: 1, body: new Uint8Array(1), more: 1 }],
  ])("a frame with %s", (_what, value) => {
    expect(new FrameReader().push(framed(value))).toMatchObject(refused)
  })

  test("a frame of no bytes, one with bytes after its map, and one in another form", () => {
    for (const hex of ["00000000", "0000000ea26269640764626f647942010200", "0000000ea2626964180764626f6479420102"])
      expect(new FrameReader().push(Buffer.from(hex, "hex"))).toMatchObject(refused)
  })

  test("or waits, but never throws, whatever arrives", () => {
    const anyPiece = fc.oneof(fc.uint8Array({ maxLength: 64 }), anyFrame.map(encodeFrame))
    fc.assert(
      fc.property(fc.array(anyPiece, { maxLength: 10 }), (chunks) => {
        const reader = new FrameReader()
        for (const chunk of chunks) if (!reader.push(chunk).ok) break
        expect(reader.buffered).toBeLessThanOrEqual(MAX_FRAME_BYTES + 4)
      }),
    )
  })
})

test("a frame that trickles in byte by byte costs little more than its bytes", () => {
  const bytes = encodeFrame({ id: 1, body: new Uint8Array(MAX_MESSAGE_BYTES) })
  const readers = [new FrameReader(), new FrameReader()]
  const used = (): number => process.memoryUsage().heapUsed + process.memoryUsage().arrayBuffers
  const before = used()
  for (const reader of readers) for (let index = 0; index < bytes.length - 1; index++) reader.push(bytes.subarray(index, index + 1))
  // 4 MiB, and what the collector has not come to; one object for each chunk would be 300 MB.
  expect(used() - before).toBeLessThan(100_000_000)
  for (const reader of readers) expect(unwrap(reader.push(bytes.subarray(-1)))).toHaveLength(1)
})
