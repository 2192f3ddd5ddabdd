import { execFile, spawn, type ChildProcess } from "node:child_process"
import { once } from "node:events"
import { existsSync, readFileSync, statSync, writeFileSync } from "node:fs"
import { connect } from "node:net"
import { join } from "node:path"
import { createInterface } from "node:readline"
import { promisify } from "node:util"
import { unwrap } from "@keygrove/base"
import { afterAll, beforeAll, describe, expect, test } from "vitest"
import { entry } from "../bundle.ts"
import { expectDone, expectRefused } from "../command.ts"
import { missingTerminal, onTerminal } from "../terminal/terminal-session.ts"
import { makeHome, makeStage, startNodeProcess, type NodeProcess, type TestHome } from "./node-process.ts"

const TYPES = ["ed25519", "p256"] as const
const run = promisify(execFile)
const withoutTerminal = missingTerminal()

interface World {
  readonly stage: AsyncDisposable & { readonly directory: string }
  readonly home: TestHome
  readonly node: NodeProcess
}
let world: World
const home = (): readonly string[] => ["--home", world.home.directory]
const file = (name: string): string => join(world.stage.directory, name)

beforeAll(async () => {
  const stage = await makeStage()
  const made = await makeHome(stage.directory, "node")
  world = { stage, home: made, node: await startNodeProcess(made) }
  for (const type of TYPES) await expectDone(["key", "add", `laptop/${type}`, "--type", type, ...home()])
  await expectDone(["key", "add", "asked", "--type", "ed25519", "--confirm", ...home()])
  await expectDone(["key", "add", "sealed", "--type", "aes256", ...home()])
})
afterAll(async () => {
  await world.node[Symbol.asyncDispose]()
  await world.stage[Symbol.asyncDispose]()
})

/** A command that has printed where it serves. */
interface Agent extends AsyncDisposable {
  readonly child: ChildProcess
  readonly line: string
  readonly ended: Promise<number | null>
}

async function startAgent(...args: readonly string[]): Promise<Agent> {
  const child = spawn(process.execPath, [entry, "ssh-agent", ...args, ...home()], { stdio: ["ignore", "pipe", "inherit"], detached: true })
  const ended = once(child, "exit").then(([status]) => (typeof status === "number" ? status : null))
  const { promise, reject, resolve } = Promise.withResolvers<string>()
  createInterface({ input: child.stdout }).once("line", resolve)
  void ended.then(() => reject(new Error("the agent ended before it served")))
  const line = await promise
  return {
    child,
    line,
    ended,
    [Symbol.asyncDispose]: async () => {
      child.kill("SIGTERM")
      await ended
    },
  }
}

async function program(socket: string, name: string, ...args: readonly string[]): Promise<string> {
  const { stderr, stdout } = await run(name, args, {
    env: { PATH: process.env["PATH"], SSH_AUTH_SOCK: socket, HOME: file("."), LC_ALL: "C" },
  })
  return stdout + stderr
}

async function publicKeyFile(socket: string, id: string): Promise<string> {
  const line = (await program(socket, "ssh-add", "-L")).split("\n").find((each) => each.endsWith(` ${id}`))
  writeFileSync(file(`${id.replaceAll("/", "-")}.pub`), `${line}\n`)
  return file(`${id.replaceAll("/", "-")}.pub`)
}

describe("keygrove ssh-agent", () => {
  test("prints where it serves, lists and signs for OpenSSH, and takes the socket along on ^C", async () => {
    await using agent = await startAgent()
    const socket = world.home.file("ssh-agent.sock")
    expect(agent.line).toBe(`SSH_AUTH_SOCK=${socket}; export SSH_AUTH_SOCK;`)
    expect(statSync(socket).mode & 0o777).toBe(0o600)
    const listed = (await program(socket, "ssh-add", "-L")).trimEnd().split("\n")
    expect(listed.map((line) => line.split(" ").filter((_, index) => index !== 1))).toEqual([
      ["ssh-ed25519", "asked"],
      ["ssh-ed25519", "laptop/ed25519"],
      ["ecdsa-sha2-nistp256", "laptop/p256"],
    ])
    for (const type of TYPES) {
      const publicKey = await publicKeyFile(socket, `laptop/${type}`)
      const [text, signers] = [file(type), file(`${type}.signers`)]
      writeFileSync(text, "what was agreed\n")
      writeFileSync(signers, `me@example.org ${readFileSync(publicKey, "utf8")}`)
      await program(socket, "ssh-keygen", "-Y", "sign", "-f", publicKey, "-n", "file", text)
      const verify = `ssh-keygen -Y verify -f ${signers} -I me@example.org -n file -s ${text}.sig`
      expect(await program(socket, "sh", "-c", `${verify} < ${text}`)).toMatch(/^Good "file" signature for me@example.org/)
      await expect(program(socket, "sh", "-c", `echo other | ${verify}`)).rejects.toThrow()
    }
    // Nobody can be asked.
    await expect(program(socket, "ssh-add", "-T", await publicKeyFile(socket, "asked"))).rejects.toThrow(/agent refused operation/)
    const { events } = await expectDone(["audit", "list", "--key", "laptop/p256", ...home()])
    expect(events).toContainEqual(expect.objectContaining({ caller: "ssh-agent", action: "sign", outcome: "ok" }))
    agent.child.kill("SIGINT")
    expect(await agent.ended).toBe(0)
    expect(existsSync(socket)).toBe(false)
  })

  test("serves on another socket, and says so as JSON", async () => {
    const socket = file("agent's socket")
    await using agent = await startAgent("--socket", socket)
    expect(agent.line).toBe(`SSH_AUTH_SOCK='${file(String.raw`agent'\''s socket`)}'; export SSH_AUTH_SOCK;`)
    expect((await run("sh", ["-c", `${agent.line} ssh-add -l`])).stdout).toContain("laptop/p256 (ECDSA)")
    await expectRefused(["ssh-agent", "--socket", socket, ...home()], {
      code: "SSH_AGENT_SOCKET_IN_USE",
      exitStatus: 1,
      says: socket,
    })
    await using other = await startAgent("--socket", file("other"), "--json")
    expect(JSON.parse(other.line)).toEqual({ version: 1, socket: file("other"), confirms: false })
  })

  test("that was killed leaves nothing behind for long", async () => {
    const socket = file("killed")
    const agent = await startAgent("--socket", socket)
    const client = connect({ path: socket })
    await once(client, "connect")
    const hungUp = once(client, "close")
    agent.child.kill("SIGKILL")
    await world.node.said(new RegExp(`nobody waits for the questions of ${socket}`))
    await hungUp
    expect(existsSync(socket)).toBe(false)
  })

  test("serves four times at most", async () => {
    await using stack = new AsyncDisposableStack()
    for (const name of ["1", "2", "3", "4"]) stack.use(await startAgent("--socket", file(name)))
    await expectRefused(["ssh-agent", "--socket", file("5"), ...home()], { code: "SSH_AGENTS_TOO_MANY", exitStatus: 1, says: "4 agents" })
  })

  test("refuses a socket that others could reach, and one whose path is too long", async () => {
    await expectRefused(["ssh-agent", "--socket", "/usr/agent.sock", ...home()], {
      code: "SSH_AGENT_SOCKET_UNUSABLE",
      exitStatus: 2,
      says: "/usr/agent.sock",
    })
    await expectRefused(["ssh-agent", "--socket", file("x".repeat(100)), ...home()], {
      code: "SSH_AGENT_SOCKET_UNUSABLE",
      exitStatus: 2,
      says: "1 to 103",
    })
  })

  test("that is named and does not exist is refused to programs", async () => {
    for (const [method, params] of [
      ["sshAgent.wait", { seen: 0 }],
      ["sshAgent.answer", { question: 1, agreed: true }],
    ] as const)
      expect(await world.node.call(method, { agent: "0011223344556677", ...params })).toMatchObject({ ok: false, code: "SSH_AGENT_ENDED" })
    expect(await world.node.call("sshAgent.start", { socketPath: "agent", confirms: false })).toMatchObject({ code: "RPC_PARAMS_INVALID" })
    unwrap(await world.node.call("sshAgent.stop", { agent: "0011223344556677" }))
  })
})

describe.skipIf(withoutTerminal !== undefined)("on a terminal", () => {
  test("asks about keys whose rules want it, each time, until nobody waits for the answer", async () => {
    const socket = file("asking")
    await using session = onTerminal(process.execPath, [entry, "ssh-agent", "--socket", socket, ...home()])
    await session.see(/SSH_AUTH_SOCK=/)
    const publicKey = await publicKeyFile(socket, "asked")
    const question = /let a program sign with asked once\? \[y\/N\]/
    const agreed = program(socket, "ssh-add", "-T", publicKey)
    await session.see(question)
    session.type("y\r")
    await agreed
    const refused = program(socket, "ssh-add", "-T", publicKey).catch(String)
    await session.see(question)
    session.type("n\r")
    expect(await refused).toContain("agent refused operation")
    const gone = spawn("ssh-add", ["-T", publicKey], { env: { ...process.env, SSH_AUTH_SOCK: socket }, stdio: "ignore" })
    await session.see(question)
    gone.kill("SIGKILL")
    await session.see(/asked: nobody waits for the answer any more/)
    const last = program(socket, "ssh-add", "-T", publicKey).catch(String)
    await session.see(question)
    session.type("\u0003")
    expect((await session.ended).exitStatus).toBe(0)
    expect(await last).toContain("Command failed")
    expect(existsSync(socket)).toBe(false)
  })
})

describe("without keys", () => {
  test("ends with the node's reason when it is locked, does not start then, nor without a node", async () => {
    await using agent = await startAgent()
    await expectDone(["lock", ...home()])
    expect(await agent.ended).toBe(3)
    expect(existsSync(world.home.file("ssh-agent.sock"))).toBe(false)
    await expectRefused(["ssh-agent", ...home()], { code: "KEYSTORE_LOCKED", exitStatus: 3, says: "keygrove unlock" })
    await world.node[Symbol.asyncDispose]()
    await expectRefused(["ssh-agent", ...home()], { code: "NODE_NOT_RUNNING", exitStatus: 6, says: "keygrove up" })
  })
})
