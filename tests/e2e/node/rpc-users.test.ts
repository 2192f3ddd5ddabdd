import { spawnSync } from "node:child_process"
import { chmodSync, mkdirSync, readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { unwrap } from "@keygrove/base"
import { AnswerFields } from "keygrove/rpc"
import { afterAll, beforeAll, describe, expect, test } from "vitest"
import { expectDone, expectRefused, runCommand } from "../command.ts"
import { makeHome, makeStage, startNodeProcess, type NodeProcess, type TestHome } from "./node-process.ts"
import { asNobody, canRunAsNobody, giveToNobody, NOBODY } from "./other-user.ts"
import { freePort, sendRaw, type RawAnswer, type RpcPlace } from "./raw-rpc.ts"

interface World extends AsyncDisposable {
  readonly directory: string
  readonly home: TestHome
  readonly node: NodeProcess
  readonly local: RpcPlace
  readonly loopback: RpcPlace
  /** By name. */
  readonly passwords: ReadonlyMap<string, string>
}
let world: World
const own = `uid:${process.getuid?.() ?? 0}`
const message = Buffer.from("message").toString("base64")

/** Two users, made by the command as a person would. */
async function openWorld(): Promise<World> {
  await using stack = new AsyncDisposableStack()
  const { directory } = stack.use(await makeStage())
  const port = await freePort()
  const home = await makeHome(directory, "node", { rpcPort: port })
  const users: unknown[] = []
  const passwords = new Map<string, string>()
  for (const options of [["backup"], ["signer", "--methods", "key.sign, key.add"]]) {
    const made = await expectDone(["rpc-user", ...options])
    users.push(made["user"])
    passwords.set(options[0] ?? "", String(made["password"]))
  }
  const config: object = JSON.parse(readFileSync(home.file("config.json"), "utf8"))
  writeFileSync(home.file("config.json"), JSON.stringify({ ...config, rpcUsers: users, idleLockMinutes: 60 }))
  const node = stack.use(await startNodeProcess(home))
  const owned = stack.move()
  const places = { local: { socketPath: home.file("rpc.sock") }, loopback: { host: "127.0.0.1", port } }
  return { directory, home, node, passwords, ...places, [Symbol.asyncDispose]: async () => await owned.disposeAsync() }
}

beforeAll(async () => {
  world = await openWorld()
  unwrap(await world.node.call("key.add", { id: "open", type: "ed25519" }))
  for (const [id, caller] of [
    ["for-me", own],
    ["for-backup", "rpc:backup"],
    ["for-node", "node"],
  ])
    unwrap(await world.node.call("key.add", { id, type: "ed25519", rules: { allow: [{ caller, operations: ["sign"] }] } }))
})
afterAll(async () => await world[Symbol.asyncDispose]())

interface As {
  readonly name: string
  readonly password?: string
  readonly place?: RpcPlace
}

/** As curl would with `--user NAME:PASSWORD`. */
async function post(method: string, params: object, { name, password, place = world.loopback }: As): Promise<RawAnswer> {
  const authorization = `Basic ${Buffer.from(`${name}:${password ?? world.passwords.get(name) ?? ""}`).toString("base64")}`
  const body = JSON.stringify({ jsonrpc: "2.0", id: 1, method, params })
  return await sendRaw(place, { headers: { host: "localhost", authorization }, body })
}

/** `done`, or the code of the refusal. */
async function outcome(method: string, params: object, as: As): Promise<string> {
  const { json } = await post(method, params, as)
  const answer = new AnswerFields(method, json)
  return answer.get("result") === undefined ? answer.object("error").object("data").text("code") : "done"
}

function cookie(): As {
  const [name = "", password = ""] = readFileSync(world.home.file(".cookie"), "utf8").split(":")
  return { name, password }
}

async function trail(): Promise<readonly (readonly [string, string, string])[]> {
  const events = new AnswerFields("audit.list", unwrap(await world.node.call("audit.list", { from: 0, limit: 1_000 }))).objects("events")
  return events
    .filter((event) => event.text("action") === "sign")
    .map((event) => [event.text("caller"), event.text("key"), event.text("outcome")])
}

describe("who calls", () => {
  test("is judged by the rules of the key and stands in the audit trail", async () => {
    const before = (await trail()).length
    const sign = async (id: string, as: As): Promise<string> => await outcome("key.sign", { id, message }, as)
    const callers: readonly (readonly [string, As])[] = [
      [own, { ...cookie(), place: world.local }],
      ["node", cookie()],
      ["rpc:backup", { name: "backup" }],
      ["rpc:backup", { name: "backup", place: world.local }],
      ["rpc:signer", { name: "signer" }],
    ]
    const expected: (readonly [string, string, string])[] = []
    for (const [caller, as] of callers) {
      for (const [id, whose] of [
        ["open", caller],
        ["for-me", own],
        ["for-backup", "rpc:backup"],
        ["for-node", "node"],
      ] as const) {
        const fits = whose === caller
        expect([caller, id, await sign(id, as)]).toEqual([caller, id, fits ? "done" : "KEY_NOT_ALLOWED"])
        expected.push([caller, id, fits ? "ok" : "KEY_NOT_ALLOWED"])
      }
    }
    expect((await trail()).slice(before)).toEqual(expected)
  })

  test("an RPC user may use keys and nothing else, unless it is said", async () => {
    for (const [method, params] of [
      ["key.list", {}],
      ["key.show", { id: "open" }],
      ["key.public", { id: "open" }],
      ["key.verify", { id: "open", message, signature: message }],
      ["rpc.discover", {}],
    ] as const)
      expect([method, await outcome(method, params, { name: "backup" })]).toEqual([method, "done"])
    for (const method of [
      "key.add",
      "key.rotate",
      "key.destroy",
      "key.export",
      "key.derive",
      "audit.list",
      "node.status",
      "node.stop",
      "node.lock",
      "policy.list",
      "data.decryptKey",
      "sshAgent.start",
    ])
      // Nothing is said about what the method would have answered.
      expect([method, await outcome(method, {}, { name: "backup" })]).toEqual([method, "RPC_NOT_ALLOWED"])
    expect(await outcome("key.add", { id: "made", type: "ed25519" }, { name: "signer" })).toBe("done")
    expect(await outcome("key.list", {}, { name: "signer" })).toBe("RPC_NOT_ALLOWED")
    expect(await outcome("key.leak", {}, { name: "signer" })).toBe("RPC_METHOD_UNKNOWN")
    expect(await world.node.call("node.status")).toMatchObject({ ok: true, value: { state: "serving" } })
  })

  test("is refused alike with a wrong name and a wrong password, and made to wait for guessing", async () => {
    const answers = await Promise.all(
      ["backup", "nobody-has-this"].map(async (name) => await post("key.list", {}, { name, password: "guess" })),
    )
    expect(answers.map(({ status }) => status)).toEqual([401, 401])
    expect(answers[0]?.text).toBe(answers[1]?.text)
    expect(answers[0]?.json).toMatchObject({ error: { data: { code: "RPC_UNAUTHORISED" } } })
    const guesses = await Promise.all(
      Array.from({ length: 40 }, async () => await post("key.list", {}, { name: "signer", password: "guess" })),
    )
    expect(new Set(guesses.map(({ status }) => status))).toEqual(new Set([401, 429]))
    await world.node.said(/^RPC_FAILURES_LIMITED: too many wrong passwords for the RPC user signer, on the loopback/m)
    expect(await outcome("key.sign", { id: "open", message }, { name: "signer", place: world.local })).toBe("done")
    expect(await outcome("key.sign", { id: "open", message }, { name: "backup" })).toBe("done")
    expect(await outcome("key.sign", { id: "open", message }, cookie())).toBe("done")
  })
})

describe("a keystore that is locked when nobody uses it", () => {
  const HOUR_MS = 3_600_000

  async function locksAt(): Promise<number> {
    const status = new AnswerFields("node.status", unwrap(await world.node.call("node.status")))
    expect(status.object("idleLock").number("minutes")).toBe(60)
    return status.object("idleLock").number("locksAt")
  }

  test("tells when that would be, which only a use puts off", async () => {
    const first = await locksAt()
    expect(await locksAt()).toBe(first)
    expect(await outcome("key.list", {}, { name: "nobody-has-this", password: "guess" })).toMatch(/^RPC_/)
    expect(await outcome("node.status", {}, { name: "backup" })).toBe("RPC_NOT_ALLOWED")
    expect(await locksAt()).toBe(first)
    const before = Date.now()
    expect(await outcome("key.list", {}, { name: "backup" })).toBe("done")
    expect(await locksAt()).toBeGreaterThanOrEqual(before + HOUR_MS)
    expect((await expectDone(["status", "--home", world.home.directory]))["idleLock"]).toMatchObject({ minutes: 60 })
    const { stdout } = await runCommand(["status", "--home", world.home.directory])
    expect(stdout).toMatch(/^locks +after 60 min without use; next in 60 minutes$/m)
  })
})

describe("keygrove rpc-user", () => {
  test("prints what config.json takes and the password, once", async () => {
    const { stdout, exitStatus } = await runCommand(["rpc-user", "web"])
    expect(exitStatus).toBe(0)
    const [place = "", user = "", password = ""] = stdout.split("\n")
    expect(place).toMatch(/"rpcUsers" of .*config\.json.*keygrove up/)
    expect(JSON.parse(user)).toEqual({
      name: "web",
      salt: expect.stringMatching(/^[0-9a-f]{32}$/),
      verifier: expect.stringMatching(/^[0-9a-f]{64}$/),
    })
    expect(password).toMatch(/^password, shown once: [\w-]{43}$/)
  })

  test("writes the password to a file of its owner alone, and never over another", async () => {
    const file = join(world.directory, "web.password")
    const made = await expectDone(["rpc-user", "web", "--password-out", file])
    expect(made).toMatchObject({ passwordFile: file, user: { name: "web" } })
    expect(made).not.toHaveProperty("password")
    expect(readFileSync(file, "utf8")).toMatch(/^[\w-]{43}\n$/)
    const { stdout } = spawnSync("ls", ["-l", file], { encoding: "utf8" })
    expect(stdout).toMatch(/^-rw-------/)
    await expectRefused(["rpc-user", "web", "--password-out", file], { code: "OUTPUT_EXISTS", exitStatus: 2, says: file })
  })

  test.each([
    [["Web"], /a-z, 0-9 and -/],
    [["web", "--methods", "key.sign,key.leak"], /no method "key\.leak"/],
    [["web", "--methods", ""], /no method ""/],
  ])("refuses %j", async (args, says) => await expectRefused(["rpc-user", ...args], { code: "USAGE_INVALID", exitStatus: 2, says }))
})

describe.runIf(canRunAsNobody)("another user of this machine", () => {
  test("counts by the kernel's word: the node's own user, and root", async () => {
    await using stage = await makeStage()
    chmodSync(stage.directory, 0o755)
    const home = await makeHome(stage.directory, "nobodys")
    giveToNobody(home.directory)
    spawnSync("chown", [`${NOBODY}:${NOBODY}`, home.keyFile])
    await using node = await startNodeProcess(home, {}, asNobody)
    unwrap(await node.call("key.add", { id: "k", type: "ed25519", rules: { allow: [{ caller: "uid:0", operations: ["sign"] }] } }))
    unwrap(await node.call("key.sign", { id: "k", message }))
    const [program = "", ...args] = asNobody
    const script = `
      const { request } = require("node:http"), { readFileSync } = require("node:fs")
      const headers = { host: "localhost", authorization: "Basic " + readFileSync(process.argv[2]).toString("base64") }
      const sent = request({ socketPath: process.argv[1], method: "POST", headers }, (answer) => answer.pipe(process.stdout))
      sent.end(process.argv[3])`
    const body = JSON.stringify({ jsonrpc: "2.0", id: 1, method: "key.sign", params: { id: "k", message } })
    const said = spawnSync(program, [...args, process.execPath, "-e", script, home.file("rpc.sock"), home.file(".cookie"), body], {
      encoding: "utf8",
    })
    expect(JSON.parse(said.stdout)).toMatchObject({ error: { data: { code: "KEY_NOT_ALLOWED" } } })
    const page = new AnswerFields("audit.list", unwrap(await node.call("audit.list", { from: 1, limit: 10 })))
    expect(page.objects("events").map((event) => [event.text("caller"), event.text("outcome")])).toEqual([
      ["uid:0", "ok"],
      [`uid:${NOBODY}`, "KEY_NOT_ALLOWED"],
    ])
  })

  test("gets nothing from an agent, even where the modes of its socket let it in", async () => {
    await using stage = await makeStage()
    const folder = join(stage.directory, "agent")
    mkdirSync(folder, { mode: 0o700 })
    const socketPath = join(folder, "sock")
    unwrap(await world.node.call("sshAgent.start", { socketPath, confirms: false }))
    for (const path of [stage.directory, folder]) chmodSync(path, 0o755)
    chmodSync(socketPath, 0o666)
    const list = (runner: readonly string[]): number | null => {
      const [program, ...args] = [...runner, "ssh-add", "-l"]
      return spawnSync(program, args, { env: { PATH: process.env["PATH"], SSH_AUTH_SOCK: socketPath } }).status
    }
    expect(list([])).toBe(0)
    // Status 1, or the signal of writing to whoever has hung up.
    expect(list(asNobody)).not.toBe(0)
    await world.node.said(new RegExp(`^ssh-agent: refused: a client of user ${NOBODY}; only user \\d+ may use it`, "m"))
    expect(list([])).toBe(0)
  })
})
