import { readFileSync } from "node:fs"
import { apiMethods, rpcErrorNumber } from "@keygrove/api"
import fc from "fast-check"
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest"
import { makeHome, makeStage, startNodeProcess, type NodeProcess } from "./node-process.ts"
import { beginRequest, freePort, sendBytes, sendRaw, type RawAnswer, type RpcPlace } from "./raw-rpc.ts"

const stack = new AsyncDisposableStack()
let node: NodeProcess
let cookie = ""
let local: RpcPlace
let loopback: RpcPlace

beforeAll(async () => {
  const stage = stack.use(await makeStage())
  const port = await freePort()
  const home = await makeHome(stage.directory, "laptop", { rpcPort: port })
  node = stack.use(await startNodeProcess(home))
  cookie = readFileSync(home.file(".cookie"), "utf8")
  local = { socketPath: home.file("rpc.sock") }
  loopback = { host: "127.0.0.1", port }
})

afterAll(async () => await stack.disposeAsync())

// Whatever a test did to it, the node serves the next one.
afterEach(async () => expect(await node.call("node.status")).toMatchObject({ ok: true, value: { state: "serving", pid: node.pid } }))

const authorization = (of = cookie): string => `Basic ${Buffer.from(of).toString("base64")}`
const authorised = (): { readonly host: string; readonly authorization: string } => ({ host: "localhost", authorization: authorization() })

async function post(body: string | Uint8Array, place: RpcPlace = local): Promise<RawAnswer> {
  return await sendRaw(place, { headers: authorised(), body })
}

function refusal(code: string, id: string | number | null = null): object {
  return { jsonrpc: "2.0", id, error: { code: rpcErrorNumber(code), message: expect.stringMatching(/^.+$/), data: { code } } }
}

const status = (id?: unknown): object => ({ jsonrpc: "2.0", ...(id === undefined ? {} : { id }), method: "node.status" })

describe("who may call", () => {
  test.each([
    ["no cookie", () => ({ host: "localhost" })],
    ["a wrong cookie", () => ({ host: "localhost", authorization: authorization(`__cookie__:${"0".repeat(64)}`) })],
    ["a cookie cut short", () => ({ host: "localhost", authorization: authorization(cookie.slice(0, -1)) })],
    ["another user", () => ({ host: "localhost", authorization: authorization(cookie.replace("__cookie__", "__Cookie__")) })],
    ["another scheme", () => ({ host: "localhost", authorization: `Bearer ${Buffer.from(cookie).toString("base64")}` })],
  ])("not one with %s, on the socket or on loopback", async (_name, headers) => {
    for (const place of [local, loopback]) {
      const answer = await sendRaw(place, { headers: headers(), body: JSON.stringify(status(1)) })
      expect(answer.status).toBe(401)
      expect(answer.json).toMatchObject(refusal("RPC_UNAUTHORISED"))
    }
  })

  test.each([
    ["an origin", { origin: "https://example.com" }],
    ["the origin of a sandboxed page", { origin: "null" }],
    ["a foreign host name (DNS rebinding)", { host: "attacker.example:7411" }],
    ["a host name that begins like ours", { host: "localhost.attacker.example" }],
  ])("not a web page: %s is refused even with the cookie, also at /health", async (_name, extra) => {
    for (const path of ["/", "/health"]) {
      const answer = await sendRaw(loopback, { method: path === "/" ? "POST" : "GET", path, headers: { ...authorised(), ...extra } })
      expect(answer.status).toBe(403)
    }
  })

  test("with the cookie, under any name of this machine", async () => {
    for (const host of ["localhost", "127.0.0.1", "[::1]", "localhost:7411", "127.0.0.1:7411"]) {
      const answer = await sendRaw(loopback, { headers: { ...authorised(), host }, body: JSON.stringify(status(1)) })
      expect([answer.status, answer.json]).toMatchObject([200, { id: 1, result: { state: "serving" } }])
    }
  })

  test("anyone on this machine may ask for its health, and learns one word", async () => {
    expect(await sendRaw(loopback, { method: "GET", path: "/health", headers: { host: "localhost" } })).toMatchObject({
      status: 200,
      text: '{"state":"serving"}',
    })
  })

  test.each(["GET", "PUT", "DELETE", "OPTIONS"])("%s is no way to call", async (method) => {
    expect((await sendRaw(local, { method, headers: authorised() })).status).toBe(405)
  })
})

describe("requests", () => {
  test.each([
    ["no JSON", "{", 400, "RPC_NOT_JSON"],
    ["nothing", "", 400, "RPC_NOT_JSON"],
    ["an empty batch", "[]", 200, "RPC_REQUEST_INVALID"],
    ["a number", "1", 200, "RPC_REQUEST_INVALID"],
    ["an object of another kind", "{}", 200, "RPC_REQUEST_INVALID"],
    ["a batch over the limit", JSON.stringify(Array(65).fill(status(1))), 200, "RPC_TOO_LARGE"],
    ["a body over the limit", `"${"a".repeat(1_048_576)}"`, 413, "RPC_TOO_LARGE"],
    ["half a million brackets", "[".repeat(500_000) + "]".repeat(500_000), 200, "RPC_REQUEST_INVALID"],
  ])("refuses %s", async (_name, body, httpStatus, code) => {
    const answer = await post(body)
    const [only] = Array.isArray(answer.json) ? answer.json : [answer.json]
    expect([answer.status, only]).toMatchObject([httpStatus, refusal(code)])
  })

  test("refuses a body over the limit that did not say its length", async () => {
    const answer = await sendRaw(local, { headers: authorised(), body: "a".repeat(1_100_000), chunked: true })
    expect([answer.status, answer.json]).toMatchObject([413, refusal("RPC_TOO_LARGE")])
  })

  test("answers each call of a batch, in order, and no notification", async () => {
    const unknown = { jsonrpc: "2.0", id: "b", method: "node.statsu" }
    const answer = await post(JSON.stringify([status("a"), unknown, 1, status(), { ...status("c"), params: { verbose: true } }]))
    expect(answer.json).toMatchObject([
      { jsonrpc: "2.0", id: "a", result: { state: "serving" } },
      refusal("RPC_METHOD_UNKNOWN", "b"),
      refusal("RPC_REQUEST_INVALID"),
      refusal("RPC_PARAMS_INVALID", "c"),
    ])
    expect(answer.text).toContain("there are node.status, node.identity")
    expect(await post(JSON.stringify([status(), status()]))).toMatchObject({ status: 204, text: "" })
    expect(await post(JSON.stringify(status()))).toMatchObject({ status: 204, text: "" })
  })

  test.each(["__proto__", "constructor", "toString", "rpc.discove", "", "node", "node.status "])("has no method %j", async (method) => {
    expect((await post(JSON.stringify({ jsonrpc: "2.0", id: 1, method }))).json).toMatchObject(refusal("RPC_METHOD_UNKNOWN", 1))
  })

  test.each(Object.keys(apiMethods))("%s refuses a parameter that it does not know", async (method) => {
    const answer = await post(`{"jsonrpc":"2.0","id":1,"method":"${method}","params":{"__proto__":{},"x":1}}`)
    expect(answer.json).toMatchObject(refusal("RPC_PARAMS_INVALID", 1))
  })

  test("rpc.discover describes every method", async () => {
    const found = await node.call("rpc.discover")
    expect(found).toMatchObject({ ok: true, value: { methods: Object.keys(apiMethods).map((name) => expect.objectContaining({ name })) } })
  })
})

describe("methods say what is wrong with what they are asked", () => {
  const policy = "0123456789abcdef"
  const expires = 4_102_444_800_000
  const grant = { label: "photos", threshold: 1, shares: 1, expires }
  const header = { header: "00".repeat(40), recipientKey: "ff".repeat(32) }
  test.each([
    ["policy.show", { policy }, "POLICY_UNKNOWN"],
    ["policy.show", { policy: "0123" }, "POLICY_UNKNOWN"],
    ["policy.show", { policy: "photos" }, "POLICY_UNKNOWN"],
    ["policy.revoke", { policy }, "POLICY_UNKNOWN"],
    ["policy.grant", { ...grant, to: "kg1nobody" }, "IDENTITY_INVALID"],
    ["data.decryptKey", header, "FILE_NOT_KEYGROVE"],
    ["proxy.offer", { until: 1, capacity: 1 }, "EXPIRY_IN_PAST"],
  ])("%s %j", async (method, params, code) => {
    expect(await node.call(method, params)).toMatchObject({ ok: false, code })
  })

  test("a grant of what was never used, past, of too many, and without proxies", async () => {
    const identity = await node.call("node.identity")
    expect(identity).toMatchObject({ ok: true, value: { path: "/laptop", id: expect.stringMatching(/^kg1/) } })
    const to = identity.ok ? String(Object.entries(identity.value ?? {}).find(([name]) => name === "id")?.[1]) : ""
    expect(await node.call("policy.grant", { ...grant, to })).toMatchObject({ ok: false, code: "LABEL_UNKNOWN" })
    expect(await node.call("label.publicKey", { label: "photos" })).toMatchObject({ ok: true })
    expect(await node.call("policy.grant", { ...grant, to, expires: 1 })).toMatchObject({ ok: false, code: "EXPIRY_IN_PAST" })
    expect(await node.call("policy.grant", { ...grant, to, threshold: 2 })).toMatchObject({ ok: false, code: "THRESHOLD_ABOVE_SHARES" })
    expect(await node.call("policy.grant", { ...grant, to, shares: 31 })).toMatchObject({ ok: false, code: "SHARES_LIMIT" })
    expect(await node.call("policy.grant", { ...grant, to })).toMatchObject({ ok: false, code: "NOT_ENOUGH_PROXIES" })
    expect(await node.call("policy.list")).toEqual({ ok: true, value: { policies: [] } })
  })
})

describe("nothing that comes over a connection harms the others", () => {
  test("any JSON gets an answer of JSON-RPC", async () => {
    const call = fc.record(
      {
        jsonrpc: fc.constantFrom("2.0", "1.0"),
        id: fc.oneof(fc.integer(), fc.string(), fc.constant(null)),
        // Those that change or end the node are not called at random.
        method: fc.oneof(
          fc.string(),
          fc.constantFrom("node.status", "label.list", "policy.show", "ledger.entries", "data.decryptKey", "policy.grant"),
        ),
        params: fc.oneof(
          fc.jsonValue(),
          fc.dictionary(fc.constantFrom("policy", "from", "limit", "header", "to", "label"), fc.jsonValue()),
        ),
      },
      { requiredKeys: [] },
    )
    await fc.assert(
      fc.asyncProperty(fc.oneof(call, fc.jsonValue(), fc.array(call, { maxLength: 70 })), async (body) => {
        const answer = await post(JSON.stringify(body))
        const answers = answer.status === 204 ? [] : Array.isArray(answer.json) ? answer.json : [answer.json]
        expect([200, 204]).toContain(answer.status)
        for (const each of answers) expect(each).toMatchObject({ jsonrpc: "2.0" })
        expect(answer.text).not.toContain("RPC_INTERNAL")
      }),
      { numRuns: 200 },
    )
  })

  test("any bytes, closed in their middle or after the answer", async () => {
    const head = `POST / HTTP/1.1\r\nhost: localhost\r\nauthorization: ${authorization()}\r\ncontent-length: 40\r\n\r\n`
    const bytes = fc.oneof(
      fc.uint8Array({ maxLength: 300 }),
      fc.nat(head.length).map((length) => Buffer.from(head.slice(0, length))),
      fc.uint8Array({ maxLength: 60 }).map((body) => Buffer.concat([Buffer.from(head), body])),
      fc.nat(60).map((length) => Buffer.from(head + JSON.stringify(status(1)).padEnd(60).slice(0, length))),
    )
    await fc.assert(
      fc.asyncProperty(bytes, fc.constantFrom("at once", "when answered"), fc.boolean(), async (sent, close, overTcp) => {
        await sendBytes(overTcp ? loopback : local, sent, close)
      }),
      { numRuns: 300 },
    )
  })

  test("64 requests under way are the limit, and it ends with them", async () => {
    {
      using begun = new DisposableStack()
      for (let count = 0; count < 64; count++) begun.use(await beginRequest(local, authorization()))
      await expect.poll(async () => (await post(JSON.stringify(status(1)))).json).toMatchObject(refusal("RPC_BUSY"))
      expect(await sendRaw(local, { method: "GET", path: "/health", headers: { host: "localhost" } })).toMatchObject({ status: 200 })
    }
    await expect.poll(async () => (await post(JSON.stringify(status(1)))).status).toBe(200)
  })
})
