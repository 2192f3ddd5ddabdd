import { existsSync, readFileSync, statSync } from "node:fs"
import { unwrap, type Result } from "@keygrove/base"
import { AnswerFields } from "keygrove/rpc"
import { afterAll, beforeAll, describe, expect, test } from "vitest"
import { homeOf } from "../../../packages/apps/node/src/home/home.ts"
import { lockHome } from "../../../packages/apps/node/src/home/instance-lock.ts"
import { childrenOf, isAlive, launchNode, makeHome, makeStage, startNodeProcess } from "./node-process.ts"

const stage = { directory: "", release: async (): Promise<void> => undefined }

beforeAll(async () => {
  const made = await makeStage()
  stage.directory = made.directory
  stage.release = async () => await made[Symbol.asyncDispose]()
})

afterAll(async () => await stage.release())

const onLinux = process.platform === "linux"

/** Polls until a fact holds; what is waited for is the doing of another process, which tells nobody. */
async function eventually(fact: () => boolean | Promise<boolean>): Promise<void> {
  await expect.poll(fact, { timeout: 90_000, interval: 20 }).toBe(true)
}

describe("a node's life", () => {
  test("init makes a closed home; the node serves, uses a label and stops in order", async () => {
    const home = await makeHome(stage.directory, "laptop")
    expect(statSync(home.directory).mode & 0o777).toBe(0o700)
    const node = await startNodeProcess(home)
    expect(await node.call("node.status")).toMatchObject({
      ok: true,
      value: { state: "serving", path: "/laptop", pid: node.pid, ledger: { role: "host", length: 3 }, warnings: [] },
    })
    for (const name of ["rpc.sock", ".cookie", "node.pid", "node.lock", "keystore.db", "ledger.db", "node.db", "config.json"]) {
      expect([name, statSync(home.file(name)).mode & 0o777]).toEqual([name, 0o600])
    }
    const first = await node.call("label.publicKey", { label: "photos/2026" })
    expect(first).toMatchObject({ ok: true, value: { label: "photos/2026", owner: { path: "/laptop" } } })
    expect(await node.call("label.publicKey", { label: "photos/2026" })).toEqual(first)
    expect(await node.call("label.list")).toMatchObject({ ok: true, value: { labels: [{ label: "photos/2026" }] } })
    expect(await node.call("node.stop")).toEqual({ ok: true, value: { state: "stopping" } })
    expect(await node.ended).toMatchObject({ exitStatus: 0, signal: null })
    for (const name of ["rpc.sock", ".cookie", "node.pid", "node.db-wal", "keystore.db-wal"])
      expect([name, existsSync(home.file(name))]).toEqual([name, false])
  })

  test.each(["SIGTERM", "SIGINT", "SIGHUP"] as const)("%s ends it in order, with its keystore", async (signal) => {
    const home = await makeHome(stage.directory, `ends-${signal.toLowerCase()}`)
    const node = await startNodeProcess(home)
    const keystores = onLinux ? childrenOf(node.pid) : []
    node.child.kill(signal)
    expect(await node.ended).toMatchObject({ exitStatus: 0, signal: null })
    expect(keystores.map(isAlive)).toEqual(keystores.map(() => false))
  })

  test("SIGTERM while it starts ends it with nothing left behind", async () => {
    const home = await makeHome(stage.directory, "hasty")
    const node = launchNode(home)
    await eventually(() => existsSync(home.file("node.pid")))
    node.child.kill("SIGTERM")
    expect(await node.ended).toMatchObject({ exitStatus: 0, signal: null })
    expect(existsSync(home.file("node.pid"))).toBe(false)
    await using again = await startNodeProcess(home)
    expect(await again.call("ledger.status")).toMatchObject({ ok: true, value: { length: 3 } })
  })

  test("a second node on the same home is refused and harms nothing", async () => {
    const home = await makeHome(stage.directory, "single")
    await using node = await startNodeProcess(home)
    const cookie = readFileSync(home.file(".cookie"), "utf8")
    const second = await launchNode(home).ended
    expect(second).toMatchObject({ exitStatus: 1 })
    expect(second.log).toMatch(new RegExp(`^ALREADY_RUNNING: .*process ${node.pid}\\)`, "m"))
    expect(readFileSync(home.file(".cookie"), "utf8")).toBe(cookie)
    expect(readFileSync(home.file("node.pid"), "utf8")).toBe(`${node.pid}\n`)
    expect(await node.call("node.status")).toMatchObject({ ok: true })
  })

  test.runIf(onLinux)("SIGKILL takes the keystore along; the next start finds everything acknowledged", async () => {
    const home = await makeHome(stage.directory, "killed")
    const node = await startNodeProcess(home)
    const label = await node.call("label.publicKey", { label: "kept" })
    const head = await node.call("ledger.status")
    const [keystore = -1] = childrenOf(node.pid)
    node.child.kill("SIGKILL")
    expect(await node.ended).toMatchObject({ signal: "SIGKILL" })
    await eventually(() => !isAlive(keystore))
    expect(existsSync(home.file("rpc.sock"))).toBe(true)
    await using again = await startNodeProcess(home)
    expect(await again.call("label.publicKey", { label: "kept" })).toEqual(label)
    expect(await again.call("ledger.status")).toEqual(head)
  })

  test.runIf(onLinux)("the keystore can leave no core file, and the home stays locked until it has ended", async () => {
    const home = await makeHome(stage.directory, "ordered")
    await using node = await startNodeProcess(home)
    const [keystore = -1] = childrenOf(node.pid)
    expect(readFileSync(`/proc/${keystore}/limits`, "utf8")).toMatch(/^Max core file size +0 +0 /m)
    // Held up, the keystore cannot end; the daemon, which has closed everything else by then, waits for it.
    process.kill(keystore, "SIGSTOP")
    expect(await node.call("node.stop")).toMatchObject({ ok: true })
    await eventually(() => !existsSync(home.file("rpc.sock")) && !existsSync(home.file("node.db-wal")))
    expect(lockHome(homeOf(home.directory))).toMatchObject({ ok: false, code: "ALREADY_RUNNING" })
    expect(isAlive(keystore)).toBe(true)
    process.kill(keystore, "SIGCONT")
    expect(await node.ended).toMatchObject({ exitStatus: 0, signal: null })
    expect(isAlive(keystore)).toBe(false)
    const free = lockHome(homeOf(home.directory))
    expect(free).toMatchObject({ ok: true })
    if (free.ok) free.value[Symbol.dispose]()
  })

  test.runIf(onLinux)("a keystore that dies leaves a locked node that still tells its state", async () => {
    const home = await makeHome(stage.directory, "widowed")
    await using node = await startNodeProcess(home)
    const [keystore = -1] = childrenOf(node.pid)
    process.kill(keystore, "SIGKILL")
    await node.said(/^KEYSTORE_GONE: /m)
    expect(await node.call("node.status")).toMatchObject({ ok: true, value: { state: "locked" } })
    expect(await node.call("label.publicKey", { label: "new" })).toMatchObject({ ok: false, code: "KEYSTORE_GONE" })
    expect(await node.call("policy.list")).toMatchObject({ ok: true })
  })

  test.runIf(onLinux)("a node whose keystore died is unlocked without a restart, on the addresses that it had", async () => {
    const home = await makeHome(stage.directory, "revived")
    await using node = await startNodeProcess(home)
    const before = answered(await node.call("node.status"))
    expect(await node.call("node.unlock")).toMatchObject({ ok: false, code: "NODE_NOT_LOCKED" })
    const [keystore = -1] = childrenOf(node.pid)
    process.kill(keystore, "SIGKILL")
    await node.said(/^KEYSTORE_GONE: /m)
    for (const params of [{ keyFile: "relative" }, { passphraseSocket: "../rpc.s" }, { keyFile: "/a", passphraseSocket: "u-012345" }])
      expect(await node.call("node.unlock", params)).toMatchObject({ ok: false, code: "RPC_PARAMS_INVALID" })
    expect(await node.call("node.unlock", { passphraseSocket: "u-012345" })).toMatchObject({ ok: false, code: "PASSPHRASE_MISSING" })
    expect(await node.call("node.unlock", { keyFile: home.file("genesis") })).toMatchObject({ code: "KEYSTORE_KEY_FILE_INVALID" })
    // Two at once: one opens it.
    const both = await Promise.all([node.call("node.unlock"), node.call("node.unlock")])
    expect(both.filter(({ ok }) => ok)).toEqual([{ ok: true, value: { state: "serving", path: "/revived" } }])
    expect(both.filter(({ ok }) => !ok)).toMatchObject([{ code: "UNLOCK_UNDER_WAY" }])
    const after = answered(await node.call("node.status"))
    expect([after.number("pid"), after.texts("addresses")]).toEqual([node.pid, before.texts("addresses")])
    expect(await node.call("label.publicKey", { label: "new" })).toMatchObject({ ok: true })
    expect(childrenOf(node.pid)).toHaveLength(1)
  })

  test("lock wipes and ends the keystore; locking twice is fine", async () => {
    const home = await makeHome(stage.directory, "locked")
    await using node = await startNodeProcess(home)
    expect(await node.call("node.lock")).toEqual({ ok: true, value: { state: "locked" } })
    await eventually(() => !onLinux || childrenOf(node.pid).length === 0)
    expect(await node.call("node.lock")).toEqual({ ok: true, value: { state: "locked" } })
    expect(await node.call("label.publicKey", { label: "new" })).toMatchObject({ ok: false, code: "KEYSTORE_LOCKED" })
    expect(await node.call("node.status")).toMatchObject({ ok: true, value: { state: "locked" } })
  })
})

describe("a node that follows another's ledger", () => {
  test("joins it and sees the same head", async () => {
    const host = await makeHome(stage.directory, "host")
    await using hosting = await startNodeProcess(host)
    const address = answered(await hosting.call("ledger.status")).text("address")
    const guest = await makeHome(stage.directory, "guest", { ledger: address })
    await using following = await startNodeProcess(guest)
    await eventually(async () => {
      const [theirs, ours] = [answered(await hosting.call("ledger.status")), answered(await following.call("ledger.status"))]
      return ours.number("length") === 6 && theirs.text("head") === ours.text("head")
    })
    expect(await following.call("node.status")).toMatchObject({ ok: true, value: { ledger: { role: "follower", address }, warnings: [] } })
  })

  test("starts while its host is away, says so, and joins when the host is back", async () => {
    const host = await makeHome(stage.directory, "away")
    const first = await startNodeProcess(host)
    const address = answered(await first.call("ledger.status")).text("address")
    await first[Symbol.asyncDispose]()
    const guest = await makeHome(stage.directory, "waiting", { ledger: address })
    await using following = await startNodeProcess(guest)
    expect(await following.call("node.status")).toMatchObject({
      ok: true,
      value: { ledger: { length: 0 }, warnings: [expect.stringContaining("LEDGER_UNREACHABLE")] },
    })
    await using _back = await startNodeProcess(host)
    await eventually(async () => answered(await following.call("node.status")).texts("warnings").length === 0)
    expect(await following.call("ledger.status")).toMatchObject({ ok: true, value: { length: 6 } })
  })
})

function answered(result: Result<unknown>): AnswerFields {
  return new AnswerFields("the call", unwrap(result))
}
