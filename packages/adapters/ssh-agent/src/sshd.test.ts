import { execFile, spawn, type ChildProcess } from "node:child_process"
import { once } from "node:events"
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs"
import { createServer } from "node:net"
import { userInfo } from "node:os"
import { join } from "node:path"
import { createInterface } from "node:readline"
import { promisify } from "node:util"
import { afterAll, beforeAll, expect, test } from "vitest"
import { runAgent, type RunningAgent } from "./running-agent.fixture.ts"

// A server of this user, with a configuration and a host key of its own, on loopback.
const SSHD = "/usr/sbin/sshd"
const isThere = existsSync(SSHD)
if (!isThere) process.stderr.write(`skipped: logging in over ssh, because there is no ${SSHD} (install openssh-server)\n`)

const run = promisify(execFile)
let agent: RunningAgent
let server: { readonly process: ChildProcess; readonly port: number } | undefined

beforeAll(async () => {
  if (!isThere) return
  agent = await runAgent({ confirm: async () => await Promise.resolve(false) })
  for (const [id, type] of [
    ["laptop/ed25519", "ed25519"],
    ["laptop/p256", "p256"],
    ["stranger", "ed25519"],
  ] as const)
    agent.keys.add(id, type)
  agent.keys.add("asked", "ed25519", { confirm: true })
  const lines = (await program("ssh-add", ["-L"])).stdout.split("\n")
  for (const line of lines.filter((each) => each !== "")) writeFileSync(publicKeyFile(line.split(" ")[2] ?? ""), `${line}\n`)
  writeFileSync(join(agent.folder, "authorised"), lines.filter((line) => !line.endsWith("stranger")).join("\n"), { mode: 0o600 })
  await program("ssh-keygen", ["-q", "-t", "ed25519", "-N", "", "-f", join(agent.folder, "host")])
  // Debian's service makes it, where there are services; sshd under root does not start without.
  if (process.getuid?.() === 0) mkdirSync("/run/sshd", { recursive: true, mode: 0o755 })
  for (let tries = 5; tries > 0 && server === undefined; tries--) server = await startServer()
  const key = readFileSync(join(agent.folder, "host.pub"), "utf8")
  writeFileSync(join(agent.folder, "known"), `[127.0.0.1]:${server?.port} ${key}`)
})

afterAll(async () => {
  if (!isThere) return
  if (server !== undefined) {
    const ended = once(server.process, "exit")
    server.process.kill()
    await ended
  }
  await agent[Symbol.asyncDispose]()
})

const publicKeyFile = (id: string): string => join(agent.folder, `${id.replaceAll("/", "-")}.pub`)

interface Said {
  readonly stdout: string
  readonly stderr: string
}

async function program(name: string, args: readonly string[]): Promise<Said> {
  const env = { PATH: process.env["PATH"], SSH_AUTH_SOCK: agent.socketPath, HOME: agent.folder, LC_ALL: "C" }
  return await run(name, args, { env, timeout: 180_000 })
}

/** Starts sshd on a port that was free a moment ago; `undefined` when somebody else was faster. */
async function startServer(): Promise<{ readonly process: ChildProcess; readonly port: number } | undefined> {
  const port = await freePort()
  const config = join(agent.folder, "sshd_config")
  const settings = {
    ListenAddress: `127.0.0.1:${port}`,
    HostKey: join(agent.folder, "host"),
    AuthorizedKeysFile: join(agent.folder, "authorised"),
    PidFile: "none",
    UsePAM: "no",
    StrictModes: "no",
    PermitRootLogin: "prohibit-password",
    PasswordAuthentication: "no",
    KbdInteractiveAuthentication: "no",
  }
  writeFileSync(
    config,
    Object.entries(settings)
      .map((setting) => `${setting.join(" ")}\n`)
      .join(""),
  )
  const child = spawn(SSHD, ["-D", "-e", "-f", config], { stdio: ["ignore", "ignore", "pipe"] })
  const said: string[] = []
  for await (const line of createInterface({ input: child.stderr })) {
    said.push(line)
    if (!line.startsWith("Server listening on")) continue
    // Nobody reads the rest, but the pipe must not fill.
    child.stderr.resume()
    return { process: child, port }
  }
  if (said.some((line) => line.includes("Address already in use"))) return undefined
  throw new Error(`sshd did not start: ${said.join("; ")}`)
}

async function freePort(): Promise<number> {
  const probe = createServer().listen(0, "127.0.0.1")
  await once(probe, "listening")
  const address = probe.address()
  probe.close()
  await once(probe, "close")
  if (address === null || typeof address === "string") throw new TypeError("no port")
  return address.port
}

async function ssh(id: string, command: string, more: readonly string[] = []): Promise<Said> {
  const options = {
    BatchMode: "yes",
    StrictHostKeyChecking: "yes",
    UserKnownHostsFile: join(agent.folder, "known"),
    GlobalKnownHostsFile: "/dev/null",
    IdentitiesOnly: "yes",
    IdentityFile: publicKeyFile(id),
    PreferredAuthentications: "publickey",
  }
  const given = Object.entries(options).flatMap(([name, value]) => ["-o", `${name}=${value}`])
  return await program("ssh", ["-F", "none", ...given, ...more, "-p", String(server?.port), `${userInfo().username}@127.0.0.1`, command])
}

test.runIf(isThere).each(["laptop/ed25519", "laptop/p256"])("ssh logs in with %s", async (id) => {
  expect((await ssh(id, "echo in as $(id -un)")).stdout).toBe(`in as ${userInfo().username}\n`)
})

test.runIf(isThere)("ssh binds its connection to the session before it logs in", async () => {
  expect((await ssh("laptop/ed25519", "true", ["-v"])).stderr).toContain("bound agent to hostkey")
  expect(agent.log).toEqual([])
})

test.runIf(isThere)("the agent is there behind a forwarded connection", async () => {
  expect((await ssh("laptop/p256", "ssh-add -L", ["-A"])).stdout).toBe((await program("ssh-add", ["-L"])).stdout)
  const publicKey = publicKeyFile("laptop/ed25519")
  expect((await ssh("laptop/ed25519", `ssh-add -T ${publicKey} && echo signed`, ["-A"])).stdout).toBe("signed\n")
  expect(agent.log).toEqual([])
})

test.runIf(isThere)("ssh does not log in with a key that the server does not know, or that nobody confirms", async () => {
  await expect(ssh("stranger", "true")).rejects.toThrow(/Permission denied/)
  await expect(ssh("asked", "true")).rejects.toThrow(/Permission denied/)
  expect(agent.log.at(-1)).toContain("asked was not confirmed")
})
