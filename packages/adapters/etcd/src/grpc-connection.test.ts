import type { ServerHttp2Stream } from "node:http2"
import { create, toBinary, type MessageInitShape } from "@bufbuild/protobuf"
import { Code } from "@connectrpc/connect"
import { Secret, utf8 } from "@keygrove/base"
import { describe, expect, test, vi } from "vitest"
import { AuthenticateResponseSchema, KV, TxnResponseSchema, Watch, WatchResponseSchema, type TxnResponse } from "./etcd_pb.ts"
import { kitSource } from "./etcd-engine.fixture.ts"
import { GrpcConnection, MAX_GRPC_MESSAGE_BYTES, type GrpcOutcome } from "./grpc-connection.ts"
import { answering, frame, saying, withStatus, withTrailers, type KitServer } from "./http2-server.fixture.ts"

const signal = AbortSignal.timeout(600_000)
const PATIENCE = { timeout: 60_000 }
const call = { method: KV.method.txn, message: { compare: [] }, headers: {}, signal }
const watch = { method: Watch.method.watch, message: {}, headers: {} }
const GOOD = { "grpc-status": "0" }
const answer = frame(toBinary(TxnResponseSchema, create(TxnResponseSchema, { succeeded: true })))
const TLS = { ca: utf8("") }

function connectionTo({ port }: KitServer, tls?: typeof TLS): GrpcConnection {
  return new GrpcConnection(`127.0.0.1:${port}`, tls)
}

async function outcomeAt(server: KitServer, timeoutMs = 30_000): Promise<GrpcOutcome<TxnResponse>> {
  using connection = connectionTo(server)
  return await connection.unary(call, timeoutMs)
}

describe("a call", () => {
  test("is answered with one message", async () => {
    await using server = await answering((stream) => withTrailers(stream, answer, GOOD))
    expect(await outcomeAt(server)).toMatchObject({ kind: "answered", answer: { succeeded: true, responses: [] } })
  })

  test("is refused with a status and a readable message", async () => {
    await using server = await answering((stream) => withStatus(stream, { "grpc-status": "7", "grpc-message": "no%20way%0a" }))
    expect(await outcomeAt(server)).toEqual({ kind: "refused", status: Code.PermissionDenied, message: "no way?" })
  })

  test.each<[string, (stream: ServerHttp2Stream) => void, string]>([
    ["has no status", (stream) => withTrailers(stream, answer, {}), "missing status"],
    ["has no message", (stream) => withTrailers(stream, new Uint8Array(0), GOOD), "missing output message"],
    ["has two", (stream) => withTrailers(stream, Buffer.concat([answer, answer]), GOOD), "extra output message"],
    ["ends in a message", (stream) => withTrailers(stream, answer.subarray(0, 6), GOOD), "incomplete envelope"],
    ["is not of this schema", (stream) => withTrailers(stream, frame(utf8("garbage")), GOOD), "parse binary"],
    ["says that it is compressed", (stream) => withTrailers(stream, Uint8Array.of(1, 0, 0, 0, 0), GOOD), "compressed"],
    ["says that it is huge", (stream) => withTrailers(stream, Uint8Array.of(0, 255, 255, 255, 255), GOOD), String(MAX_GRPC_MESSAGE_BYTES)],
    ["is a page", (stream) => void (stream.respond({ ":status": 200, "content-type": "text/html" }), stream.end("<p>")), "text/html"],
    ["is not found", (stream) => void (stream.respond({ ":status": 404 }), stream.end()), "HTTP 404"],
    ["has a message that is not encoded", (stream) => withStatus(stream, { "grpc-status": "7", "grpc-message": "100%" }), "URI"],
    ["is torn off", (stream) => stream.session?.destroy(), ""],
  ])("is lost when the answer %s", async (_name, say, expected) => {
    await using server = await answering(say)
    expect(await outcomeAt(server)).toMatchObject({ kind: "lost", message: expect.stringContaining(expected), left: true })
  })

  test("is lost when nobody listens, and has not left", async () => {
    const server = await answering(() => undefined)
    await server[Symbol.asyncDispose]()
    expect(await outcomeAt(server)).toMatchObject({ kind: "lost", left: false, message: expect.stringContaining("ECONNREFUSED") })
  })

  test.each([
    ["another protocol", utf8("SSH-2.0-OpenSSH_9.2\r\n")],
    ["HTTP/1.1", utf8("HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n")],
    ["noise", Uint8Array.from({ length: 4_096 }, (_, index) => (index * 7919) & 255)],
  ])("is lost when the server speaks %s", async (_name, bytes) => {
    await using server = await saying(bytes)
    expect(await outcomeAt(server, 5_000)).toMatchObject({ kind: "lost" })
  })

  test("is lost with its signal and when the connection is disposed of", async () => {
    await using server = await answering(() => undefined)
    const connection = connectionTo(server)
    const stop = new AbortController()
    const calling = [connection.unary({ ...call, signal: stop.signal }, 60_000), connection.unary(call, 60_000)]
    stop.abort()
    expect(await calling[0]).toMatchObject({ kind: "lost" })
    connection[Symbol.dispose]()
    expect(await calling[1]).toMatchObject({ kind: "lost" })
    const ended = { kind: "lost", message: "it was ended before it began", left: false }
    expect(await connection.unary(call, 60_000)).toEqual(ended)
    expect(await connection.stream({ ...watch, signal }, () => undefined)).toEqual(ended)
    using other = connectionTo(server)
    expect(await other.unary({ ...call, signal: AbortSignal.abort() }, 60_000)).toEqual(ended)
    await vi.waitFor(() => expect([server.opened, server.closed]).toEqual([1, 1]), PATIENCE)
  })
})

describe("a call without an answer until its deadline", () => {
  test("costs the connection over which nothing came, and the next goes over another", async () => {
    let calls = 0
    await using server = await answering((stream) => {
      if (++calls > 1) withTrailers(stream, answer, GOOD)
    })
    using connection = connectionTo(server)
    // The next begins in the same moment as the connection is given up, not some time later.
    const both = connection.unary(call, 2_000).then(async (first) => [first, await connection.unary(call, 60_000)])
    expect(await both).toMatchObject([{ kind: "lost", message: "no answer within 2000 ms", left: true }, { kind: "answered" }])
    expect(server.opened).toBe(2)
    await vi.waitFor(() => expect(server.closed).toBe(1), PATIENCE)
  })

  test("leaves a connection alone over which others are answered", async () => {
    let calls = 0
    await using server = await answering((stream) => {
      if (++calls > 1) withTrailers(stream, answer, GOOD)
    })
    using connection = connectionTo(server)
    const late = connection.unary(call, 3_000)
    expect(await connection.unary(call, 60_000)).toMatchObject({ kind: "answered" })
    expect(await late).toMatchObject({ kind: "lost" })
    expect(await connection.unary(call, 60_000)).toMatchObject({ kind: "answered" })
    expect(server.opened).toBe(1)
  })

  test("has not left when there was no connection yet, of which nothing is left behind", async () => {
    await using server = await saying(new Uint8Array(0))
    using connection = connectionTo(server, TLS)
    for (let count = 1; count <= 3; count++) {
      expect(await connection.unary(call, 50)).toEqual({ kind: "lost", message: "no answer within 50 ms", left: false })
      await vi.waitFor(() => expect([server.opened, server.closed]).toEqual([count, count]), PATIENCE)
    }
  })
})

describe("a stream", () => {
  const head = (init: MessageInitShape<typeof WatchResponseSchema>): Uint8Array =>
    frame(toBinary(WatchResponseSchema, create(WatchResponseSchema, init)))

  test("gives answers until its signal, over a connection of its own, which is closed then", async () => {
    await using server = await answering((stream) => {
      stream.respond({ ":status": 200, "content-type": "application/grpc" })
      stream.write(Buffer.concat([head({ created: true }), head({ canceled: true })]))
    })
    using connection = connectionTo(server)
    const stop = new AbortController()
    const answers: boolean[] = []
    const end = await connection.stream({ ...watch, signal: stop.signal }, ({ canceled }) => {
      if (answers.push(canceled) === 2) stop.abort()
    })
    expect(end).toMatchObject({ kind: "lost" })
    expect(answers).toEqual([false, true])
    await vi.waitFor(() => expect([server.opened, server.closed]).toEqual([1, 1]), PATIENCE)
  })

  test("ends with what the server says, or with the connection", async () => {
    let ends = 0
    await using server = await answering((stream) => {
      if (ends++ === 0) withTrailers(stream, head({ created: true }), GOOD)
      else if (ends === 2) withTrailers(stream, head({ created: true }), { "grpc-status": "14", "grpc-message": "no leader" })
      else stream.session?.destroy()
    })
    using connection = connectionTo(server)
    const listen = async () => await connection.stream({ ...watch, signal }, () => undefined)
    expect(await listen()).toEqual({ kind: "ended" })
    expect(await listen()).toEqual({ kind: "refused", status: Code.Unavailable, message: "no leader" })
    expect(await listen()).toMatchObject({ kind: "lost" })
    await vi.waitFor(() => expect([server.opened, server.closed]).toEqual([3, 3]), PATIENCE)
  })

  test("is over with what it belongs to", async () => {
    await using server = await answering((stream) => stream.respond({ ":status": 200, "content-type": "application/grpc" }))
    const connection = connectionTo(server)
    const listening = connection.stream({ ...watch, signal }, () => undefined)
    await vi.waitFor(() => expect(server.opened).toBe(1), PATIENCE)
    connection[Symbol.dispose]()
    expect(await listening).toMatchObject({ kind: "lost" })
    await vi.waitFor(() => expect(server.closed).toBe(1), PATIENCE)
  })
})

describe("a member that answers", () => {
  test.each([
    ["garbage", frame(utf8("garbage")), "parse binary"],
    ["nothing that counts", frame(new Uint8Array(0)), "its answer cannot be read"],
  ])("%s is named", async (_name, body, expected) => {
    await using server = await answering((stream) => withTrailers(stream, body, GOOD))
    const endpoints = [{ host: "127.0.0.1", port: server.port }]
    await using source = kitSource({ endpoints, prefix: "/x" }, { deadlines: { callMs: 2_000, tryMs: 1_000 } })
    expect(await source.head({ signal })).toMatchObject({
      ok: false,
      code: "LEDGER_UNREACHABLE",
      message: expect.stringContaining(`127.0.0.1:${server.port} (${expected}`),
    })
  })

  test.each([
    ["that cannot be a header", "a\r\nb: c"],
    ["that is too long", "x".repeat(5_000)],
    ["that is none", ""],
  ])("with a token %s lets nobody in", async (_name, token) => {
    const said: Buffer[] = []
    await using server = await answering((stream) => {
      stream.on("data", (bytes: Buffer) => said.push(bytes))
      withTrailers(stream, frame(toBinary(AuthenticateResponseSchema, create(AuthenticateResponseSchema, { token }))), GOOD)
    })
    const user = { name: "grove", readPassword: () => ({ ok: true, value: Secret.take(utf8("pass")) }) as const }
    const endpoints = [{ host: "127.0.0.1", port: server.port }]
    await using source = kitSource({ endpoints, prefix: "/x" }, { access: { user } })
    expect(await source.head({ signal })).toMatchObject({ ok: false, message: expect.stringContaining("its answer has no token") })
    // Field 1 and field 2, both of type 2: a string, and a string to etcd.
    await vi.waitFor(() => expect(Buffer.concat(said)).toEqual(frame(utf8("\n\u0005grove\u0012\u0004pass"))), PATIENCE)
  })
})
