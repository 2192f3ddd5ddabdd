import { spawn, type ChildProcess } from "node:child_process"
import { once } from "node:events"
import { existsSync, readFileSync, writeFileSync } from "node:fs"
import { connect } from "node:net"
import { unwrap } from "@keygrove/base"
import { AnswerFields } from "keygrove/rpc"
import { afterAll, beforeAll, describe, expect, test } from "vitest"
import {
  canReceiveNotifications,
  receiveNotifications,
  type NotificationReceiver,
} from "../../../packages/adapters/posix/src/service-manager.fixture.ts"
import { entry } from "../bundle.ts"
import { childrenOf, launchNode, makeHome, makeStage, type TestHome } from "./node-process.ts"
import { freePort, sendRaw } from "./raw-rpc.ts"

interface World extends AsyncDisposable {
  readonly home: TestHome
  readonly rpcPort: number
  readonly peerPort: number
  readonly manager: NotificationReceiver
  readonly environment: NodeJS.ProcessEnv
}
let world: World

async function openWorld(): Promise<World> {
  await using stack = new AsyncDisposableStack()
  const { directory } = stack.use(await makeStage())
  const [rpcPort, peerPort] = [await freePort(), await freePort()]
  const home = await makeHome(directory, "node", { rpcPort })
  const address = `@keygrove-start-${process.pid}`
  const manager = stack.use(await receiveNotifications(address))
  const owned = stack.move()
  const environment = { NOTIFY_SOCKET: address }
  return { home, rpcPort, peerPort, manager, environment, [Symbol.asyncDispose]: async () => await owned.disposeAsync() }
}

beforeAll(async () => {
  if (canReceiveNotifications) world = await openWorld()
})
afterAll(async () => {
  if (canReceiveNotifications) await world[Symbol.asyncDispose]()
})

function configure(keys: readonly object[]): void {
  const path = world.home.file("config.json")
  const config: object = JSON.parse(readFileSync(path, "utf8"))
  writeFileSync(path, JSON.stringify({ ...config, listen: `/ip4/127.0.0.1/tcp/${world.peerPort}`, keys }))
}

/** `listening`, or why nobody answers there. */
async function knock(where: { readonly path: string } | { readonly host: string; readonly port: number }): Promise<string> {
  const socket = connect(where)
  try {
    return await new Promise((resolve) =>
      socket
        .once("connect", () => resolve("listening"))
        .once("error", (error) => resolve("code" in error ? String(error.code) : error.message)),
    )
  } finally {
    socket.destroy()
  }
}

/** Every place where a node that serves is heard. */
async function heard(): Promise<readonly string[]> {
  const { home, peerPort, rpcPort } = world
  const ports = [rpcPort, peerPort].map((port) => ({ host: "127.0.0.1", port }))
  return await Promise.all([...ports, { path: home.file("rpc.sock") }].map(async (place) => await knock(place)))
}

describe.runIf(canReceiveNotifications)("the start of a node", () => {
  test("ends when the configured keys are there: before, nothing listens and nothing is told", async () => {
    configure([{ id: "ready", type: "ed25519", from: "generate" }])
    await using node = launchNode(world.home, world.environment)
    // Held up while it starts, long before it could have a key.
    await expect.poll(() => childrenOf(node.pid).length, { timeout: 90_000, interval: 1 }).toBe(1)
    const [keystore = -1] = childrenOf(node.pid)
    process.kill(keystore, "SIGSTOP")
    expect(await heard()).toEqual(["ECONNREFUSED", "ECONNREFUSED", "ENOENT"])
    expect(world.manager.received).toEqual([])
    process.kill(keystore, "SIGCONT")
    const ready = await world.manager.next("READY=1")
    // From the node itself, and about it: the keys are there, and every place answers.
    expect(ready).toEqual({ pid: node.pid, lines: ["READY=1", expect.stringMatching(/^STATUS=serving \/node on \/ip4\//)] })
    expect(await heard()).toEqual(["listening", "listening", "listening"])
    const health = await sendRaw(
      { host: "127.0.0.1", port: world.rpcPort },
      { method: "GET", path: "/health", headers: { host: "localhost" } },
    )
    expect(health.status).toBe(200)
    const keys = new AnswerFields("key.list", unwrap(await node.call("key.list"))).objects("keys")
    expect(keys.map((key) => key.text("id"))).toEqual(["ready"])
    unwrap(await node.call("node.lock"))
    const locked = await sendRaw(
      { host: "127.0.0.1", port: world.rpcPort },
      { method: "GET", path: "/health", headers: { host: "localhost" } },
    )
    expect([locked.status, locked.text]).toEqual([503, '{"state":"locked"}'])
    await world.manager.next("STATUS=locked; `keygrove unlock` opens it")
    node.child.kill("SIGTERM")
    expect(await node.ended).toMatchObject({ exitStatus: 0 })
    expect(await world.manager.next("STOPPING=1")).toEqual({ pid: node.pid, lines: ["STOPPING=1", "STATUS=stopping"] })
  })

  const missing = { id: "web/missing", type: "ed25519" }
  test.each<[string, object, number, RegExp]>([
    ["a key that is missing", missing, 2, /KEY_UNKNOWN: the key web\/missing of config\.json: the keystore does not have it/],
    [
      "a file that cannot be read",
      { ...missing, from: "file:/nowhere/key" },
      2,
      /KEY_MATERIAL_UNREADABLE: the key web\/missing of config\.json: .*\/nowhere\/key .*ENOENT/,
    ],
  ])("is refused for %s, in the foreground and detached, and nobody is told that it is ready", async (_what, key, exitStatus, says) => {
    configure([key])
    const before = world.manager.received.length
    for (const options of [[], ["--detach"]]) {
      const command = ["up", ...options, "--key-file", world.home.keyFile, "--home", world.home.directory]
      const child = spawn(process.execPath, [entry, ...command], {
        stdio: ["ignore", "pipe", "pipe"],
        env: { ...process.env, ...world.environment },
      })
      const end = await endOf(child)
      expect([options, end]).toEqual([options, { exitStatus, stdout: "", stderr: expect.stringMatching(says) }])
      expect(end.stderr.trim().split("\n")).toHaveLength(1)
    }
    expect(world.manager.received.slice(before).flatMap(({ lines }) => lines)).not.toContain("READY=1")
    expect(await heard()).toEqual(["ECONNREFUSED", "ECONNREFUSED", "ENOENT"])
    expect(existsSync(world.home.file("node.pid"))).toBe(false)
  })
})

async function endOf(child: ChildProcess): Promise<{ readonly exitStatus: unknown; readonly stdout: string; readonly stderr: string }> {
  const output = { stdout: "", stderr: "" }
  child.stdout?.setEncoding("utf8").on("data", (text: string) => void (output.stdout += text))
  child.stderr?.setEncoding("utf8").on("data", (text: string) => void (output.stderr += text))
  const [exitStatus] = await once(child, "close")
  return { exitStatus, ...output }
}
