import { execFile } from "node:child_process"
import { mkdirSync, readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { promisify } from "node:util"
import { afterAll, beforeAll, describe, expect, test } from "vitest"
import { runAgent, type RunningAgent } from "./running-agent.fixture.ts"

// Debian's unmodified programs; without them `npm run verify` stops before it begins.
const run = promisify(execFile)
const TYPES = ["ed25519", "p256"] as const

let agent: RunningAgent
beforeAll(async () => {
  agent = await runAgent({ confirm: async (id) => await Promise.resolve(id === "asked/yes") })
  agent.keys.add("laptop/ed25519", "ed25519")
  agent.keys.add("laptop/p256", "p256")
  agent.keys.add("asked/yes", "ed25519", { confirm: true })
  agent.keys.add("asked/no", "ed25519", { confirm: true })
  agent.keys.add("bitcoin", "secp256k1")
  agent.keys.add("forbidden", "ed25519", { allow: [{ caller: "ssh-agent", operations: ["verify"] }] })
})
afterAll(async () => await agent[Symbol.asyncDispose]())

async function program(name: string, args: readonly string[], cwd = agent.folder): Promise<string> {
  const env = { PATH: process.env["PATH"], SSH_AUTH_SOCK: agent.socketPath, HOME: agent.folder, LC_ALL: "C", GIT_CONFIG_NOSYSTEM: "1" }
  const { stderr, stdout } = await run(name, args, { cwd, env })
  return stdout + stderr
}

async function publicKeyFile(id: string): Promise<string> {
  const line = (await program("ssh-add", ["-L"])).split("\n").find((each) => each.endsWith(` ${id}`))
  const path = join(agent.folder, `${id.replaceAll("/", "-")}.pub`)
  writeFileSync(path, `${line}\n`)
  return path
}

describe("ssh-add", () => {
  test("-L lists what ssh can use, by the order of ids", async () => {
    const lines = (await program("ssh-add", ["-L"])).trimEnd().split("\n")
    expect(lines.map((line) => line.split(" ").filter((_, index) => index !== 1))).toEqual([
      ["ssh-ed25519", "asked/no"],
      ["ssh-ed25519", "asked/yes"],
      ["ssh-ed25519", "laptop/ed25519"],
      ["ecdsa-sha2-nistp256", "laptop/p256"],
    ])
  })

  test("-l shows their fingerprints", async () => {
    expect(await program("ssh-add", ["-l"])).toMatch(/256 SHA256:\S{43} laptop\/p256 \(ECDSA\)/)
  })

  test.each(TYPES)("-T finds that the %s key signs", async (type) => {
    await program("ssh-add", ["-T", await publicKeyFile(`laptop/${type}`)])
  })

  test("-T: a key that wants confirmation signs when it is given, and does not when it is not", async () => {
    await program("ssh-add", ["-T", await publicKeyFile("asked/yes")])
    await expect(program("ssh-add", ["-T", await publicKeyFile("asked/no")])).rejects.toThrow(/agent refused operation/)
  })

  test("cannot add, remove or lock", async () => {
    const path = join(agent.folder, "own")
    await program("ssh-keygen", ["-q", "-t", "ed25519", "-N", "", "-f", path])
    for (const args of [[path], ["-d", path], ["-D"], ["-t", "60", path]]) {
      await expect(program("ssh-add", args), args.join(" ")).rejects.toThrow()
    }
    expect((await program("ssh-add", ["-L"])).split("\n")).toHaveLength(5)
  })
})

describe("ssh-keygen -Y", () => {
  test.each(TYPES)("signs a file with the %s key, and verifies it", async (type) => {
    const publicKey = await publicKeyFile(`laptop/${type}`)
    const [file, signers] = [join(agent.folder, `file-${type}`), join(agent.folder, `signers-${type}`)]
    writeFileSync(file, "what was agreed\n")
    writeFileSync(signers, `me@example.org ${readFileSync(publicKey, "utf8")}`)
    await program("ssh-keygen", ["-Y", "sign", "-f", publicKey, "-n", "file", file])
    const verify = `ssh-keygen -Y verify -f ${signers} -I me@example.org -n file -s ${file}.sig`
    expect(await program("sh", ["-c", `${verify} < ${file}`])).toMatch(/Good "file" signature for me@example.org/)
    await expect(program("sh", ["-c", `echo other | ${verify}`])).rejects.toThrow()
  })
})

describe("git", () => {
  test.each(TYPES)("signs a commit with the %s key, and verifies it", async (type) => {
    const publicKey = await publicKeyFile(`laptop/${type}`)
    const folder = join(agent.folder, `repository-${type}`)
    mkdirSync(folder)
    const signers = join(folder, ".git", "signers")
    const settings = {
      "user.name": "Me",
      "user.email": "me@example.org",
      "gpg.format": "ssh",
      "user.signingKey": publicKey,
      "gpg.ssh.allowedSignersFile": signers,
    }
    await program("git", ["init", "-q"], folder)
    for (const [name, value] of Object.entries(settings)) await program("git", ["config", name, value], folder)
    writeFileSync(signers, `me@example.org ${readFileSync(publicKey, "utf8")}`)
    await program("git", ["commit", "-q", "-S", "--allow-empty", "-m", "signed"], folder)
    expect(await program("git", ["verify-commit", "HEAD"], folder)).toMatch(/Good "git" signature for me@example.org/)
  })
})
