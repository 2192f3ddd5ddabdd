import { execFileSync } from "node:child_process"
import { randomBytes } from "node:crypto"
import { chmodSync, chownSync, copyFileSync, cpSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { createServer, type Server } from "node:net"
import { join } from "node:path"
import { DatabaseSync } from "node:sqlite"
import { initialiseNode } from "@keygrove/node"
import { afterAll, beforeAll, describe, expect, test } from "vitest"
import { launchNode, makeHome, makeStage, startNodeProcess, type NodeEnd, type TestHome } from "./node-process.ts"

const stage = { directory: "", release: async (): Promise<void> => undefined }
/** A good home, copied for each case. */
let sound: TestHome
let copies = 0

beforeAll(async () => {
  const made = await makeStage()
  stage.directory = made.directory
  stage.release = async () => await made[Symbol.asyncDispose]()
  sound = await makeHome(stage.directory, "sound")
  // Served once, so that every file is there.
  await (await startNodeProcess(sound))[Symbol.asyncDispose]()
})

afterAll(async () => await stage.release())

/** How long a node may take to say why it does not start. */
const REFUSAL_TIMEOUT_MS = 60_000

const isRoot = process.getuid?.() === 0

function copyOfHome(): TestHome {
  copies++
  const directory = join(stage.directory, `copy-${copies}`)
  cpSync(sound.directory, directory, { recursive: true, preserveTimestamps: true })
  chmodSync(directory, 0o700)
  return { directory, keyFile: sound.keyFile, file: (name) => join(directory, name) }
}

function config(home: TestHome, change: (fields: Record<string, unknown>) => unknown): void {
  const fields: Record<string, unknown> = JSON.parse(readFileSync(home.file("config.json"), "utf8"))
  writeFileSync(home.file("config.json"), JSON.stringify(change(fields)))
}

/** The node ends at once with one line that carries a code and names what it is about. */
async function expectRefusal(home: TestHome, code: string, named: string): Promise<NodeEnd> {
  // Killed at the end: a node that starts against all expectation would hold its port for the rest of the file.
  await using node = launchNode(home)
  const timer = setTimeout(() => node.child.kill("SIGKILL"), REFUSAL_TIMEOUT_MS)
  const end = await node.ended.finally(() => clearTimeout(timer))
  const lines = end.log.trim().split("\n")
  expect(lines).toHaveLength(1)
  expect(lines[0]).toMatch(new RegExp(`^${code}: `))
  expect(lines[0]).toContain(named)
  return end
}

describe("a node does not start on a home that is not right", () => {
  test("no home", async () => {
    const directory = join(stage.directory, "nowhere")
    const end = await expectRefusal({ directory, keyFile: "", file: (name) => join(directory, name) }, "HOME_MISSING", "keygrove init")
    expect(end.exitStatus).toBe(1)
  })

  test("a home that others may enter", async () => {
    const home = copyOfHome()
    chmodSync(home.directory, 0o755)
    await expectRefusal(home, "HOME_FOREIGN", "chmod 700")
  })

  test.runIf(isRoot)("a home of another user", async () => {
    const home = copyOfHome()
    chownSync(home.directory, 54_321, 54_321)
    await expectRefusal(home, "HOME_FOREIGN", "54321")
  })

  test.each([
    ["no JSON", "{", "CONFIG_INVALID", "config.json"],
    ["a list", "[]", "CONFIG_INVALID", "config.json"],
    ["a newer version", '{"version":2}', "HOME_VERSION", "version 2"],
    ["no fields", '{"version":1}', "CONFIG_INVALID", '"ledger"'],
  ])("a config.json that is %s", async (_name, text, code, named) => {
    const home = copyOfHome()
    writeFileSync(home.file("config.json"), text)
    await expectRefusal(home, code, named)
    expect(readFileSync(home.file("config.json"), "utf8")).toBe(text)
  })

  test.each([
    ["rpcPort", 65_536],
    ["rpcPort", "7411"],
    ["listen", "127.0.0.1:80"],
    ["ledger", ""],
    ["ledger", "/ip4/127.0.0.1/tcp/1"],
    ["ledgr", "embedded"],
  ])("a config.json whose %s is %j", async (field, value) => {
    const home = copyOfHome()
    config(home, (fields) => ({ ...fields, [field]: value }))
    await expectRefusal(home, "CONFIG_INVALID", `"${field}"`)
  })

  test.each([
    ["keystore.db", "DATABASE_CORRUPT"],
    ["ledger.db", "LEDGER_CORRUPT"],
    ["node.db", "STORAGE_CORRUPT"],
  ])("a %s that is garbage", async (name, code) => {
    const home = copyOfHome()
    const garbage = randomBytes(8_192)
    writeFileSync(home.file(name), garbage)
    await expectRefusal(home, code, home.file(name))
    expect(readFileSync(home.file(name)).equals(garbage)).toBe(true)
    copyFileSync(sound.file(name), home.file(name))
    await using _repaired = await startNodeProcess(home)
  })

  test.each(["keystore.db", "ledger.db", "node.db"])("a %s of another program, and one of a newer version", async (name) => {
    const home = copyOfHome()
    rmSync(home.file(name))
    edit(home.file(name), "PRAGMA application_id = 1; CREATE TABLE other (x)")
    await expectRefusal(home, "DATABASE_FOREIGN", home.file(name))
    copyFileSync(sound.file(name), home.file(name))
    edit(home.file(name), "INSERT INTO migration (version) VALUES (1000)")
    await expectRefusal(home, "DATABASE_VERSION", home.file(name))
  })

  test("a ledger with a changed entry", async () => {
    const home = copyOfHome()
    flipLastBit(home.file("ledger.db"))
    await expectRefusal(home, "LEDGER_CORRUPT", "ledger.db")
  })

  test("a home without its genesis, when the ledger does not know the node either", async () => {
    const home = copyOfHome()
    rmSync(home.file("genesis"))
    await (await startNodeProcess(home))[Symbol.asyncDispose]()
    rmSync(home.file("ledger.db"))
    await expectRefusal(home, "CONFIG_INVALID", home.file("genesis"))
    writeFileSync(home.file("genesis"), randomBytes(40))
    await expectRefusal(home, "CONFIG_INVALID", home.file("genesis"))
  })

  test("a key file that is missing or another one", async () => {
    const home = copyOfHome()
    const keyFile = `${home.directory}.key`
    config(home, (fields) => ({ ...fields, keyFile }))
    await expectRefusal(home, "KEYSTORE_KEY_FILE_INVALID", keyFile)
    writeFileSync(keyFile, randomBytes(32), { mode: 0o600 })
    await expectRefusal(home, "KEYSTORE_KEY_FILE_WRONG", "key file")
  })

  test("a damaged lock file", async () => {
    const home = copyOfHome()
    writeFileSync(home.file("node.lock"), randomBytes(8_192))
    await expectRefusal(home, "DATABASE_CORRUPT", home.file("node.lock"))
  })

  test("a path too long for a socket", async () => {
    const directory = join(stage.directory, "x".repeat(100))
    cpSync(sound.directory, directory, { recursive: true })
    chmodSync(directory, 0o700)
    await expectRefusal({ directory, keyFile: sound.keyFile, file: (name) => join(directory, name) }, "HOME_PATH_TOO_LONG", "rpc.sock")
    const made = await initialiseNode(
      {
        home: `${directory}y`,
        name: "far",
        ledger: "embedded",
        listen: "/ip4/127.0.0.1/tcp/0",
        rpcPort: 0,
        recover: false,
        keyFile: sound.keyFile,
      },
      { signal: new AbortController().signal },
    )
    expect(made).toMatchObject({ ok: false, code: "HOME_PATH_TOO_LONG" })
  })
})

describe("a node does not start on ports of others", () => {
  test("the port for nodes", async () => {
    await using taken = await takePort()
    const home = copyOfHome()
    config(home, (fields) => ({ ...fields, listen: `/ip4/127.0.0.1/tcp/${taken.port}` }))
    await expectRefusal(home, "PORT_IN_USE", `/tcp/${taken.port}`)
  })

  test("the port for JSON-RPC", async () => {
    await using taken = await takePort()
    const home = copyOfHome()
    config(home, (fields) => ({ ...fields, rpcPort: taken.port }))
    await expectRefusal(home, "RPC_PORT_IN_USE", `127.0.0.1:${taken.port}`)
  })

  test("an address that is not this machine's", async () => {
    const home = copyOfHome()
    config(home, (fields) => ({ ...fields, listen: "/ip4/203.0.113.1/tcp/4001" }))
    await expectRefusal(home, "LISTEN_FAILED", "203.0.113.1")
  })
})

describe.runIf(isRoot && process.platform === "linux")("a full disk", () => {
  test("is told at init, at the start and while serving; what was acknowledged stays", async () => {
    const disk = join(stage.directory, "disk")
    mkdirSync(disk)
    execFileSync("mount", ["-t", "tmpfs", "-o", "size=1m,mode=0700", "tmpfs", disk])
    try {
      const ballast = join(disk, "ballast")
      fill(ballast)
      const options = {
        home: join(disk, "home"),
        name: "full",
        ledger: "embedded",
        listen: "/ip4/127.0.0.1/tcp/0",
        rpcPort: 0,
        recover: false,
      }
      const words = { wordsOut: join(stage.directory, "full.words"), keyFile: sound.keyFile }
      expect(await initialiseNode({ ...options, ...words }, { signal: new AbortController().signal })).toMatchObject({
        ok: false,
        code: "DISK_FULL",
      })
      rmSync(ballast)
      const home: TestHome = { directory: join(disk, "home"), keyFile: sound.keyFile, file: (name) => join(disk, "home", name) }
      cpSync(sound.directory, home.directory, { recursive: true })
      chmodSync(home.directory, 0o700)
      fill(ballast)
      await expectRefusal(home, "DISK_FULL", home.directory)
      rmSync(ballast)
      await using node = await startNodeProcess(home)
      const kept = await node.call("label.publicKey", { label: "kept" })
      fill(ballast)
      expect(await fillLabels(node)).toBe("DISK_FULL")
      rmSync(ballast)
      expect(await node.call("label.publicKey", { label: "later" })).toMatchObject({ ok: true })
      expect(await node.call("label.publicKey", { label: "kept" })).toEqual(kept)
    } finally {
      execFileSync("umount", ["--lazy", disk])
    }
  })
})

/** New labels until one is refused: the database's journal may still have room. */
async function fillLabels(node: Awaited<ReturnType<typeof startNodeProcess>>): Promise<string> {
  for (let count = 0; count < 200; count++) {
    const used = await node.call("label.publicKey", { label: `label-${count}` })
    if (!used.ok) return used.code
  }
  return "never refused"
}

function fill(path: string): void {
  try {
    for (let size = 65_536; ;) {
      try {
        writeFileSync(path, Buffer.alloc(size), { flag: "a" })
      } catch (error) {
        if (size === 1) throw error
        size = size > 4_096 ? 4_096 : 1
      }
    }
  } catch {
    // Full to the last byte.
  }
}

function edit(path: string, sql: string): void {
  const database = new DatabaseSync(path)
  database.exec(sql)
  database.close()
}

/** Changes the last bit of the newest entry, whatever it is. */
function flipLastBit(path: string): void {
  using database = new DatabaseSync(path)
  const newest = database.prepare("SELECT rowid AS id, bytes FROM entry ORDER BY rowid DESC LIMIT 1").get()
  const bytes = newest?.["bytes"]
  if (!(bytes instanceof Uint8Array)) throw new TypeError("the ledger has no entry")
  const last = bytes.length - 1
  bytes[last] = (bytes[last] ?? 0) ^ 1
  database.prepare("UPDATE entry SET bytes = ? WHERE rowid = ?").run(bytes, newest?.["id"] ?? null)
}

async function takePort(): Promise<AsyncDisposable & { readonly port: number }> {
  const server: Server = createServer()
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve))
  const address = server.address()
  const port = typeof address === "object" && address !== null ? address.port : 0
  return { port, [Symbol.asyncDispose]: async () => await new Promise((resolve) => server.close(() => resolve())) }
}
