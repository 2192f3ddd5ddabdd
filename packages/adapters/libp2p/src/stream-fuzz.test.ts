import { unwrap } from "@keygrove/base"
import { MAX_MESSAGE_BYTES, MAX_PEER_REQUESTS } from "@keygrove/service"
import { generateKeyPair } from "@libp2p/crypto/keys"
import type { Stream } from "@libp2p/interface"
import type { Multiaddr } from "@multiformats/multiaddr"
import * as fc from "fast-check"
import { describe, expect, test } from "vitest"
import { signingKeyOf } from "./addresses.ts"
import { encodeFrame, FrameReader, MAX_FRAME_BYTES, type Frame } from "./frames.ts"
import { ATTACKED, collectedBytes, expectService, MAX_LEFT_BYTES, startHostileHost, startVictim, streamEnd } from "./hostile.contract.ts"

/**
 * Hostile nodes, with a key and a genuine connection, against a real listener. After each attack it must answer an honest peer; an unhandled
 * rejection or exception fails the run by itself.
 */

const header = (length: number): Uint8Array => {
  const bytes = new Uint8Array(4)
  new DataView(bytes.buffer).setUint32(0, length)
  return bytes
}

/** What is written to a stream; all of it is refused as soon as it is read, or is half of something. */
const anyChunk: fc.Arbitrary<Uint8Array> = fc.oneof(
  fc.uint8Array({ minLength: 1, maxLength: 3_000 }),
  fc.constantFrom(0, 1, 5, MAX_FRAME_BYTES, MAX_FRAME_BYTES + 1, 0x7fff_ffff, 0xffff_ffff).map(header),
  fc.uint8Array({ maxLength: 200 }).map((bytes) => Buffer.concat([header(bytes.length), bytes])),
  fc.uint8Array({ maxLength: 200 }).map((body) => encodeFrame({ id: 1, body })),
  fc.nat({ max: 20 }).map((cut) => encodeFrame({ id: 9, body: new Uint8Array(16) }).subarray(0, cut)),
  fc.constant(encodeFrame({ id: 3, error: "PEER_BUSY" })),
)
const anyScript = fc.record({ chunks: fc.array(anyChunk, { maxLength: 6 }), end: fc.constantFrom("close", "reset") })

/** Sends what it can: the victim may end the stream at any time. */
function sendAll(stream: Stream, chunks: Iterable<Uint8Array>): void {
  for (const chunk of chunks) if (stream.writeStatus === "writable") stream.send(chunk)
}

describe("nodes with a key of their own", () => {
  test("that send anything on our protocol are cut off, and nobody else", async () => {
    await using victim = await startVictim()
    await using hostile = await startHostileHost()
    const connection = await hostile.dial(victim.address)
    const before = collectedBytes()
    await fc.assert(
      fc.asyncProperty(fc.array(anyScript, { minLength: 1, maxLength: 6 }), async (scripts) => {
        await Promise.all(
          scripts.map(async ({ chunks, end }) => {
            const stream = await connection.newStream(ATTACKED)
            sendAll(stream, chunks)
            // A half-closed stream is ended by the victim; a reset one by us.
            if (end === "reset") stream.abort(new Error("reset"))
            else await Promise.race([stream.close().catch(() => undefined), streamEnd(stream)])
            await streamEnd(stream)
          }),
        )
        await expectService(victim)
      }),
      { numRuns: 10 },
    )
    expect(connection.status).toBe("open")
    expect(collectedBytes() - before).toBeLessThan(MAX_LEFT_BYTES)
  })

  test.each<[string, Uint8Array]>([
    ["a length of 4 GiB", header(0xffff_ffff)],
    ["a length of one byte over the limit", header(MAX_FRAME_BYTES + 1)],
    ["a frame of no bytes", header(0)],
    ["a frame that is no CBOR", Buffer.concat([header(4), Uint8Array.of(0xff, 0xff, 0xff, 0xff)])],
    ["a body over 1 MiB", oversized()],
  ])("lose the stream at once for %s", async (_what, bytes) => {
    await using victim = await startVictim()
    await using hostile = await startHostileHost()
    const stream = await hostile.dialProtocol(victim.address, ATTACKED)
    stream.send(bytes)
    await streamEnd(stream)
    expect(stream.status).not.toBe("open")
    await expectService(victim)
  })

  test("that name another protocol are told so, and cut off when the name is no name", async () => {
    await using victim = await startVictim()
    await using hostile = await startHostileHost()
    for (const name of ["/keygrove/2/proxy", "/ipfs/id/1.0.0"])
      await expect(hostile.dialProtocol(victim.address, name)).rejects.toThrow(/could not negotiate/)
    for (const name of [`/${"x".repeat(200)}`, "ÿ".repeat(120)])
      await expect(hostile.dialProtocol(victim.address, name)).rejects.toThrow(/^(?!.*could not negotiate)/)
    await hostile.dialProtocol(victim.address, ATTACKED)
    await expectService(victim)
  })

  test("that do not speak our protocols look like what they are to a caller", async () => {
    await using victim = await startVictim()
    await using hostile = await startHostileHost()
    const peer = { signingKey: signingKeyOf(hostile.peerId) ?? new Uint8Array(32), addresses: hostile.getMultiaddrs().map(withoutId) }
    const call = { signal: AbortSignal.timeout(170_000) }
    expect(await victim.transport.request(peer, "proxy", new Uint8Array(1), call)).toMatchObject({ ok: false, code: "PEER_PROTOCOL" })
    await hostile.handle(ATTACKED, (stream) => void stream.send(header(0xffff_ffff)))
    expect(await victim.transport.request(peer, "proxy", new Uint8Array(1), call)).toMatchObject({ ok: false, code: "PEER_CLOSED" })
    await expectService(victim)
  })

  test("that trickle, byte by byte, on as many streams as they get, cost what they sent", async () => {
    await using victim = await startVictim()
    await using hostile = await startHostileHost()
    const connection = await hostile.dial(victim.address)
    const before = collectedBytes()
    const streams = await Promise.all(Array.from({ length: 8 }, () => connection.newStream(ATTACKED)))
    for (const stream of streams) stream.send(header(MAX_FRAME_BYTES))
    for (let round = 0; round < 40; round++) {
      for (const stream of streams) stream.send(Uint8Array.of(round))
      if (round % 20 === 0) await expectService(victim)
    }
    await expectService(victim)
    expect(streams.map(({ status }) => status)).toEqual(streams.map(() => "open"))
    expect(collectedBytes() - before).toBeLessThan(MAX_LEFT_BYTES)
  })

  test("that open more streams than they may lose the surplus only, and get new ones when the old have ended", async () => {
    await using victim = await startVictim()
    await using hostile = await startHostileHost()
    const connection = await hostile.dial(victim.address)
    for (let round = 0; round < 3; round++) {
      const opened = await Promise.allSettled(
        Array.from({ length: 60 }, () =>
          connection.newStream(ATTACKED, { maxOutboundStreams: 1_000, signal: AbortSignal.timeout(120_000) }),
        ),
      )
      const streams = opened.flatMap((result) => (result.status === "fulfilled" ? [result.value] : []))
      expect(streams).toHaveLength(8)
      await expectService(victim)
      const ended = streams.map(streamEnd)
      for (const stream of streams) stream.send(header(0))
      await Promise.all(ended)
    }
  })

  test("that take no answers are not read any further, and others are", async () => {
    await using victim = await startVictim()
    await using hostile = await startHostileHost()
    let answered = 0
    const reached = Promise.withResolvers<void>()
    const serving = victim.transport.serve("ledger", async () => {
      answered++
      reached.resolve()
      return new Uint8Array(MAX_MESSAGE_BYTES)
    })
    const before = collectedBytes()
    const stream = await hostile.dialProtocol(victim.address, "/keygrove/1/ledger")
    stream.pause()
    stream.send(Buffer.concat(Array.from({ length: 5_000 }, (_, index) => encodeFrame({ id: index + 1, body: new Uint8Array(100) }))))
    await reached.promise
    for (let round = 0; round < 3; round++) await expectService(victim)
    expect(answered).toBeLessThanOrEqual(MAX_PEER_REQUESTS)
    // At most 64 answers of 1 MiB and what it sent; 5,000 answers would be 5 GB.
    expect(collectedBytes() - before).toBeLessThan(2 * MAX_PEER_REQUESTS * MAX_MESSAGE_BYTES)
    const reading = readFrames(stream, 20)
    stream.resume()
    expect(new Set((await reading).map(({ id }) => id)).size).toBe(20)
    stream.abort(new Error("enough"))
    await expectService(victim)
    serving[Symbol.dispose]()
  })

  test("that connect again and again lose their oldest connection, and count once", async () => {
    await using victim = await startVictim()
    await using stack = new AsyncDisposableStack()
    const key = await generateKeyPair("Ed25519")
    const hosts = []
    for (let count = 0; count < 4; count++) hosts.push(stack.use(await startHostileHost(key)))
    const connections = []
    for (const host of hosts) connections.push(await host.dial(victim.address))
    const [oldest] = connections
    const ended = Promise.withResolvers<void>()
    oldest?.addEventListener("close", () => ended.resolve(), { once: true })
    const fifth = stack.use(await startHostileHost(key))
    await fifth.dial(victim.address)
    await ended.promise
    expect(victim.transport.peers()).toHaveLength(1)
    expect(connections.slice(1).map(({ status }) => status)).toEqual(["open", "open", "open"])
    await expectService(victim)
  })
})

const withoutId = (address: Multiaddr): string => address.toString().replace(/\/p2p\/.*$/, "")

/** The first frames of a stream, `count` or a few more. */
async function readFrames(stream: Stream, count: number): Promise<Frame[]> {
  const reader = new FrameReader()
  const frames: Frame[] = []
  for await (const chunk of stream) {
    frames.push(...unwrap(reader.push(chunk)))
    if (frames.length >= count) break
  }
  return frames.slice(0, count)
}

/** A frame as {@link encodeFrame} would never make it: one byte over the limit, in canonical form. */
function oversized(): Uint8Array {
  const body = new Uint8Array(MAX_MESSAGE_BYTES + 1)
  const map = Buffer.concat([Buffer.from("a26269640164626f64795a", "hex"), header(body.length), body])
  return Buffer.concat([header(map.length), map])
}
