import { createServer as createHttp2Server, type ServerHttp2Stream } from "node:http2"
import { createServer, type AddressInfo, type Server } from "node:net"
import { utf8 } from "@keygrove/base"
import { afterEach, describe, expect, test } from "vitest"
import { GrpcConnection, type GrpcOutcome } from "./grpc-connection.ts"
import { frameMessage, GrpcFrames, MAX_GRPC_MESSAGE_BYTES } from "./grpc-frames.ts"
import { kitSource } from "./etcd-engine.fixture.ts"

const open: (() => void)[] = []
afterEach(() => {
  for (const close of open.splice(0)) close()
})

const GRPC = { ":status": 200, "content-type": "application/grpc" }
const signal = AbortSignal.timeout(600_000)

async function listen(server: Server): Promise<number> {
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve))
  const address: AddressInfo | string | null = server.address()
  return address === null || typeof address === "string" ? 0 : address.port
}

/** A server of HTTP/2 that answers each call so. */
async function answering(answer: (stream: ServerHttp2Stream) => void): Promise<number> {
  const server = createHttp2Server()
  const sessions = new Set<{ destroy(): void }>()
  server.on("session", (session) => {
    sessions.add(session)
    session.on("error", () => undefined)
  })
  server.on("stream", (stream) => {
    stream.on("error", () => undefined)
    answer(stream)
  })
  open.push(() => {
    for (const session of sessions) session.destroy()
    server.close()
  })
  return await listen(server)
}

/** A server that says these bytes to whoever connects. */
async function saying(bytes: Uint8Array): Promise<number> {
  const server = createServer((socket) => {
    socket.on("error", () => undefined)
    socket.write(bytes)
  })
  open.push(() => server.close())
  return await listen(server)
}

async function outcomeAt(port: number, timeoutMs = 30_000): Promise<GrpcOutcome> {
  using connection = new GrpcConnection(`127.0.0.1:${port}`, undefined)
  return await connection.unary({ path: "/x.Y/Z", message: utf8("ask"), headers: {}, signal }, timeoutMs)
}

function withTrailers(stream: ServerHttp2Stream, body: Uint8Array, trailers: Record<string, string>): void {
  stream.respond(GRPC, { waitForTrailers: true })
  stream.on("wantTrailers", () => stream.sendTrailers(trailers))
  stream.end(body)
}

describe("a call", () => {
  test("is answered with one message", async () => {
    const port = await answering((stream) => withTrailers(stream, frameMessage(utf8("answer")), { "grpc-status": "0" }))
    expect(await outcomeAt(port)).toEqual({ kind: "answered", body: utf8("answer") })
  })

  test("is refused with a status and a readable message", async () => {
    const port = await answering((stream) =>
      stream.respond({ ...GRPC, "grpc-status": "7", "grpc-message": "no%20way%0a" }, { endStream: true }),
    )
    expect(await outcomeAt(port)).toEqual({ kind: "refused", status: 7, message: "no way?" })
  })

  test.each<[string, (stream: ServerHttp2Stream) => void, string]>([
    ["has no status", (stream) => withTrailers(stream, frameMessage(utf8("x")), {}), "without a status"],
    ["has a status that is none", (stream) => withTrailers(stream, frameMessage(utf8("x")), { "grpc-status": "good" }), "without a status"],
    ["has no message", (stream) => withTrailers(stream, new Uint8Array(0), { "grpc-status": "0" }), "no message"],
    [
      "has two",
      (stream) => withTrailers(stream, Buffer.concat([frameMessage(utf8("x")), frameMessage(utf8("y"))]), { "grpc-status": "0" }),
      "more than one message",
    ],
    [
      "ends in a message",
      (stream) => withTrailers(stream, frameMessage(utf8("xyz")).subarray(0, 6), { "grpc-status": "0" }),
      "ends in the middle",
    ],
    ["says that it is compressed", (stream) => withTrailers(stream, Uint8Array.of(1, 0, 0, 0, 0), { "grpc-status": "0" }), "not framed"],
    ["says that it is huge", (stream) => withTrailers(stream, Uint8Array.of(0, 255, 255, 255, 255), { "grpc-status": "0" }), "not framed"],
    [
      "is a page",
      (stream) => void (stream.respond({ ":status": 200, "content-type": "text/html" }), stream.end("<p>")),
      "something else than gRPC",
    ],
    ["is not found", (stream) => void (stream.respond({ ":status": 404 }), stream.end()), "HTTP status 404"],
    ["is torn off", (stream) => stream.session?.destroy(), ""],
  ])("is lost when the answer %s", async (_name, answer, expected) => {
    const outcome = await outcomeAt(await answering(answer))
    expect(outcome).toMatchObject({ kind: "lost", message: expect.stringContaining(expected), left: true })
  })

  test("is lost when nobody listens, and has not left", async () => {
    const port = await answering(() => undefined)
    for (const close of open.splice(0)) close()
    expect(await outcomeAt(port)).toMatchObject({ kind: "lost", left: false, message: expect.stringContaining("ECONNREFUSED") })
  })

  test.each([
    ["another protocol", utf8("SSH-2.0-OpenSSH_9.2\r\n")],
    ["HTTP/1.1", utf8("HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n")],
    ["noise", Uint8Array.from({ length: 4_096 }, (_, index) => (index * 7919) & 255)],
  ])("is lost when the server speaks %s", async (_name, bytes) => {
    expect(await outcomeAt(await saying(bytes), 5_000)).toMatchObject({ kind: "lost" })
  })

  test("is lost at its deadline when nothing comes, and with its signal", async () => {
    const port = await answering(() => undefined)
    expect(await outcomeAt(port, 50)).toMatchObject({ kind: "lost", message: "no answer within 50 ms" })
    using connection = new GrpcConnection(`127.0.0.1:${port}`, undefined)
    const stop = new AbortController()
    const calling = connection.unary({ path: "/x.Y/Z", message: utf8("ask"), headers: {}, signal: stop.signal }, 60_000)
    stop.abort()
    expect(await calling).toMatchObject({ kind: "lost" })
  })
})

test("messages are found however the bytes are cut", () => {
  const all = Buffer.concat([utf8("one"), utf8(""), utf8("three")].map(frameMessage))
  for (let size = 1; size <= all.length; size++) {
    const frames = new GrpcFrames()
    const found: string[] = []
    for (let at = 0; at < all.length; at += size)
      for (const message of frames.push(all.subarray(at, at + size)) ?? []) found.push(Buffer.from(message).toString())
    expect(found).toEqual(["one", "", "three"])
    expect(frames.isPartial).toBe(false)
  }
  const tooLong = new Uint8Array(5)
  new DataView(tooLong.buffer).setUint32(1, MAX_GRPC_MESSAGE_BYTES + 1)
  expect(new GrpcFrames().push(tooLong)).toBeUndefined()
})

test("a member that answers garbage is named", async () => {
  const port = await answering((stream) => withTrailers(stream, frameMessage(utf8("garbage")), { "grpc-status": "0" }))
  const endpoints = [{ host: "127.0.0.1", port }]
  await using source = kitSource({ endpoints, prefix: "/x" }, { deadlines: { callMs: 200, tryMs: 100 } })
  expect(await source.head({ signal })).toMatchObject({
    ok: false,
    code: "LEDGER_UNREACHABLE",
    message: expect.stringContaining("its answer cannot be read"),
  })
})
