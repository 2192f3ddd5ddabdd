import { readFileSync, writeFileSync } from "node:fs"
import { randomBytes } from "node:crypto"
import { makeRpcUser } from "@keygrove/node/rpc-user"
import { Keygrove } from "keygrove"
import { afterAll, beforeAll, describe, expect, test } from "vitest"
import { makeHome, makeStage, startNodeProcess, type NodeProcess, type TestHome } from "../e2e/node/node-process.ts"
import { freePort, sendBytes, sendRaw, type RawAnswer, type RawRequest } from "../e2e/node/raw-rpc.ts"
import { linkOf } from "./browser.ts"

const stack = new AsyncDisposableStack()
const backup = makeRpcUser({ name: "backup", methods: ["console.link", "node.status"] }, randomBytes)
let home: TestHome
let node: NodeProcess
let host = ""
let port = 0

beforeAll(async () => {
  const stage = stack.use(await makeStage())
  port = await freePort()
  host = `127.0.0.1:${port}`
  home = await makeHome(stage.directory, "laptop", { rpcPort: port })
  const config: object = JSON.parse(readFileSync(home.file("config.json"), "utf8"))
  writeFileSync(home.file("config.json"), JSON.stringify({ ...config, rpcUsers: [backup.user] }))
  node = stack.use(await startNodeProcess(home))
})

afterAll(async () => await stack.disposeAsync())

async function send(request: RawRequest): Promise<RawAnswer> {
  return await sendRaw({ host: "127.0.0.1", port }, { ...request, headers: { host, ...request.headers } })
}

/** As the page calls, with these headers instead of its own. */
async function post(path: string, body: unknown, headers: RawRequest["headers"] = {}): Promise<RawAnswer> {
  const own = { origin: `http://${host}`, "sec-fetch-site": "same-origin", "content-type": "application/json" }
  return await send({ path, headers: { ...own, ...headers }, body: typeof body === "string" ? body : JSON.stringify(body) })
}

async function token(): Promise<string> {
  return new URL(await linkOf(node)).hash.slice(1)
}

/** Both halves of a new session, as headers. */
async function logIn(): Promise<{ readonly cookie: string; readonly "keygrove-session": string }> {
  const answer = await post("/console/session", { token: await token() })
  expect(answer.status).toBe(200)
  const [set = ""] = answer.headers["set-cookie"] ?? []
  expect(set).toMatch(/^keygrove-console-\d+-[0-9a-f]{8}=[0-9a-f]{64}; Path=\/console; HttpOnly; SameSite=Strict; Max-Age=28800$/)
  return { cookie: set.split(";")[0] ?? "", "keygrove-session": /"key":"([0-9a-f]{64})"/.exec(answer.text)?.[1] ?? "" }
}

const status = { jsonrpc: "2.0", id: 1, method: "node.status" }
const refused = (code: string): object => ({ error: { message: expect.stringMatching(/^.+$/), data: { code } } })

describe("the page", () => {
  test("says with every answer, refusals too, what a browser must not do", async () => {
    const answers = [
      await send({ method: "GET", path: "/console" }),
      await send({ method: "GET", path: "/console/main.js" }),
      await send({ method: "GET", path: "/console/nothing" }),
      await post("/console/rpc", status),
    ]
    expect(answers.map((answer) => answer.status)).toEqual([200, 200, 404, 401])
    for (const { headers } of answers) {
      expect(headers["content-security-policy"]).toMatch(
        /^default-src 'none'; script-src 'self'; style-src 'self'; .*require-trusted-types-for 'script'/,
      )
      expect(headers["content-security-policy"]).not.toMatch(/unsafe|\*|http|data:|blob:/)
      expect(headers).toMatchObject({
        "cache-control": "no-store",
        "cross-origin-opener-policy": "same-origin",
        "cross-origin-resource-policy": "same-origin",
        "referrer-policy": "no-referrer",
        "x-content-type-options": "nosniff",
        "permissions-policy": expect.stringMatching(/^camera=\(self\), microphone=\(\)/),
      })
      expect(headers["access-control-allow-origin"]).toBeUndefined()
    }
  })

  test.each([
    "/console/../config.json",
    "/console/..%2f..%2fconfig.json",
    "/console//etc/passwd",
    "/console/%00",
    "/console/.",
    "/console/main.ts",
    "/console/__proto__",
  ])("has nothing at %s", async (path) => {
    expect(await send({ method: "GET", path })).toMatchObject({ status: 404, json: refused("RPC_REQUEST_INVALID") })
  })

  test("is not for other hosts, frames, sites or methods", async () => {
    expect((await send({ method: "GET", path: "/console", headers: { host: "attacker.example" } })).status).toBe(403)
    expect((await send({ method: "GET", path: "/console", headers: { "sec-fetch-dest": "iframe" } })).status).toBe(403)
    expect((await send({ method: "GET", path: "/console/main.js", headers: { "sec-fetch-site": "same-site" } })).status).toBe(403)
    expect((await send({ method: "POST", path: "/console" })).status).toBe(405)
    const preflight = await send({ method: "OPTIONS", path: "/console/rpc", headers: { origin: "https://attacker.example" } })
    expect([preflight.status, preflight.headers["access-control-allow-headers"]]).toEqual([403, undefined])
  })

  test("is left in the middle of a request without harm", async () => {
    const body = JSON.stringify({ token: await token() })
    const head = `POST /console/session HTTP/1.1\r\nhost: ${host}\r\norigin: http://${host}\r\ncontent-type: application/json\r\n`
    const request = Buffer.from(`${head}content-length: ${body.length}\r\n\r\n${body}`)
    for (let cut = 0; cut < request.length; cut += 7) await sendBytes({ host: "127.0.0.1", port }, request.subarray(0, cut), "at once")
    expect((await post("/console/session", body)).status).toBe(200)
  })

  test("is on loopback only", async () => {
    const answer = await sendRaw({ socketPath: home.file("rpc.sock") }, { method: "GET", path: "/console", headers: { host } })
    expect(answer.status).toBe(401)
  })
})

describe("logging in", () => {
  test("works once for each link", async () => {
    const own = await token()
    expect((await post("/console/session", { token: own })).status).toBe(200)
    expect(await post("/console/session", { token: own })).toMatchObject({ status: 401, json: refused("CONSOLE_LINK_INVALID") })
  })

  test.each([
    ["no origin", { origin: undefined }, 403],
    ["another port's origin", { origin: "http://127.0.0.1:1" }, 403],
    ["another site", { "sec-fetch-site": "cross-site" }, 403],
    ["a form's type", { "content-type": "application/x-www-form-urlencoded" }, 415],
    ["another name", { host: "localhost", origin: "http://localhost" }, 403],
  ])("not with %s, and the link is not used up by it", async (_name, headers, httpStatus) => {
    const own = await token()
    const { origin = `http://${host}`, ...rest }: Record<string, string | undefined> = headers
    const all = { "content-type": "application/json", ...("origin" in headers && headers.origin === undefined ? {} : { origin }), ...rest }
    expect((await send({ path: "/console/session", headers: all, body: JSON.stringify({ token: own }) })).status).toBe(httpStatus)
    expect((await post("/console/session", { token: own })).status).toBe(200)
  })

  test.each([
    ["no JSON", "{", 400],
    ["too much", JSON.stringify({ token: "a".repeat(512) }), 413],
    ["no token", "{}", 401],
    ["a token of another kind", '{"token":[1]}', 401],
    ["nothing", "null", 401],
  ])("not with %s", async (_name, body, httpStatus) => {
    expect((await post("/console/session", body)).status).toBe(httpStatus)
  })

  test("guesses are slowed down, and the right link is not", async () => {
    const own = await token()
    const guesses = await Promise.all(Array.from({ length: 100 }, async () => await post("/console/session", { token: "x".repeat(43) })))
    expect(guesses.filter((answer) => answer.status === 429).length).toBeGreaterThan(0)
    expect(guesses.every((answer) => answer.status === 401 || answer.status === 429)).toBe(true)
    expect((await post("/console/session", { token: own })).status).toBe(200)
    await node.said(/^CONSOLE_LINK_INVALID: somebody could not log in to the console/m)
  })

  test("the library makes links, too", async () => {
    await using grove = await Keygrove.connect({ home: home.directory })
    const { expires, url } = await grove.consoleLink()
    expect(expires.getTime()).toBeGreaterThan(Date.now())
    expect((await post("/console/session", { token: new URL(url).hash.slice(1) })).status).toBe(200)
  })

  test("links are for the holder of the cookie, and never for RPC users", async () => {
    const call = JSON.stringify({ ...status, method: "console.link" })
    const as = async (of: string): Promise<RawAnswer> =>
      await send({ headers: { authorization: `Basic ${Buffer.from(of).toString("base64")}` }, body: call })
    expect((await as(readFileSync(home.file(".cookie"), "utf8"))).json).toMatchObject({ result: { url: expect.stringContaining(host) } })
    expect((await as(`backup:${backup.password}`)).json).toMatchObject(refused("RPC_NOT_ALLOWED"))
  })
})

describe("a session", () => {
  test("calls with both halves, and with nothing less", async () => {
    const [own, other] = [await logIn(), await logIn()]
    expect((await post("/console/rpc", [status, status], own)).json).toMatchObject([
      { result: { state: "serving" } },
      { result: { state: "serving" } },
    ])
    for (const headers of [{}, { cookie: own.cookie }, { "keygrove-session": own["keygrove-session"] }, { ...own, cookie: other.cookie }])
      expect(await post("/console/rpc", status, headers)).toMatchObject({ status: 401, json: refused("CONSOLE_SESSION_ENDED") })
  })

  test("cannot be used from elsewhere, with both halves either", async () => {
    const own = await logIn()
    for (const headers of [
      { origin: "https://attacker.example" },
      { origin: "http://127.0.0.1:1" },
      { "sec-fetch-site": "same-site" },
      { host: "localhost" },
    ])
      expect((await post("/console/rpc", status, { ...own, ...headers })).status).toBe(403)
    expect((await post("/", status, own)).status).toBe(403)
    expect((await send({ headers: own, body: JSON.stringify(status) })).status).toBe(401)
  })

  test.each([
    "key.sign",
    "key.export",
    "data.decryptKey",
    "policy.grant",
    "node.stop",
    "node.lock",
    "ledger.publish",
    "console.link",
    "rpc.discover",
  ])("may not call %s", async (method) => {
    const own = await logIn()
    expect((await post("/console/rpc", { ...status, method }, own)).json).toMatchObject(refused("RPC_NOT_ALLOWED"))
  })

  test("sends little at once", async () => {
    const own = await logIn()
    expect((await post("/console/rpc", " ".repeat(16_385), own)).status).toBe(413)
    expect((await post("/console/rpc", "{", own)).status).toBe(400)
    const begun: unknown = (await post("/console/rpc", { ...status, method: "meet.start" }, own)).json
    const { meeting, revision } = JSON.parse(JSON.stringify(begun)).result
    const wait = { ...status, method: "meet.status", params: { meeting, since: revision } }
    const waiting = Array.from({ length: 5 }, async () => await post("/console/rpc", wait, own))
    expect(await Promise.race(waiting)).toMatchObject({ status: 429, json: refused("RPC_BUSY") })
    expect(await node.call("meet.cancel", { meeting })).toMatchObject({ ok: true })
    expect((await Promise.all(waiting)).filter((answer) => answer.status === 200)).toHaveLength(4)
  })

  test("ends by logging out, and takes its cookie along", async () => {
    const own = await logIn()
    const origin = { ...own, origin: `http://${host}` }
    const out = await send({ method: "DELETE", path: "/console/session", headers: origin })
    expect([out.status, out.headers["set-cookie"]]).toEqual([
      200,
      [`${own.cookie.split("=")[0]}=; Path=/console; HttpOnly; SameSite=Strict; Max-Age=0`],
    ])
    expect((await post("/console/rpc", status, own)).status).toBe(401)
    // What is left of it in the browser goes with the next login.
    const next = await post("/console/session", { token: await token() }, { cookie: own.cookie })
    expect(next.headers["set-cookie"]).toHaveLength(2)
  })

  test("ends what it has under way when it is closed", async () => {
    const own = await logIn()
    const begun: unknown = (await post("/console/rpc", { ...status, method: "meet.start" }, own)).json
    const { meeting, revision } = JSON.parse(JSON.stringify(begun)).result
    const waiting = post("/console/rpc", { ...status, method: "meet.status", params: { meeting, since: revision } }, own)
    await send({ method: "DELETE", path: "/console/session", headers: { ...own, origin: `http://${host}` } })
    expect((await waiting).json).toMatchObject(refused("CONSOLE_SESSION_ENDED"))
  })

  test("ends with lock, and links do; a locked node makes others", async () => {
    const [own, link] = [await logIn(), await token()]
    expect(await node.call("node.lock")).toMatchObject({ ok: true })
    expect(await post("/console/rpc", status, own)).toMatchObject({ status: 401, text: expect.stringContaining("the node is locked") })
    expect((await post("/console/session", { token: link })).status).toBeGreaterThanOrEqual(401)
    expect((await post("/console/rpc", status, await logIn())).json).toMatchObject({ result: { state: "locked" } })
  })
})
