import { execFileSync } from "node:child_process"
import { randomBytes } from "node:crypto"
import { chmodSync, chownSync, copyFileSync, cpSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs"
import { createServer } from "node:net"
import { join } from "node:path"
import { afterAll, beforeAll, describe, expect, test } from "vitest"
import { startGrove, type Grove } from "../../packages/apps/cli/src/grove/grove.ts"
import { entry } from "./bundle.ts"
import { expectDone, expectRefused, runCommand, type ExpectedRefusal } from "./command.ts"

const isRoot = process.getuid?.() === 0
const onLinux = process.platform === "linux"
const oneAfterTheOther = { oneAfterTheOther: true }
const state: { grove?: Grove } = {}
/** Where files are encrypted and decrypted, and the node's identity that is granted to. */
const stage = { directory: "", bob: "" }
const place = (name: string): string => join(stage.directory, name)
const homeOf = (name: string): readonly string[] => ["--home", state.grove?.member(name).home ?? ""]
const directoryOf = (name: string): string => state.grove?.member(name).home ?? ""

beforeAll(async () => {
  const plan = { nodes: ["laptop"], readers: ["bob", "spare"], proxies: ["proxy-1", "proxy-2"], entry }
  state.grove = await startGrove(plan, new AbortController().signal)
  stage.directory = join(state.grove.directory, "stage")
  mkdirSync(stage.directory)
  stage.bob = String((await expectDone(["id", ...homeOf("bob")]))["id"])
  writeFileSync(place("notes.txt"), "two lines\nof notes\n")
  writeFileSync(place("film"), randomBytes(200_000))
  await expectDone(["encrypt", place("notes.txt"), "--label", "notes", ...homeOf("laptop")])
  await expectDone(["encrypt", place("film"), "--label", "films", ...homeOf("laptop")])
  // A home for the cases that need one that does not run.
  await expectDone(["down", ...homeOf("spare")])
})

afterAll(async () => await state.grove?.[Symbol.asyncDispose](), 60_000)

const grant = (label: string, ...options: readonly string[]): readonly string[] => [
  "grant",
  label,
  "--to",
  stage.bob,
  ...options,
  ...homeOf("laptop"),
]
const month = ["--expires", "30d"]

describe("a running node refuses", () => {
  const usage = { exitStatus: 2 }
  test.each<[string, () => readonly string[], ExpectedRefusal]>([
    ["a label nobody used", () => grant("phots", "-m", "1", "-n", "2", ...month), { ...usage, code: "LABEL_UNKNOWN", says: "encrypt" }],
    [
      "more shares than a policy has",
      () => grant("notes", "-m", "2", "-n", "31", ...month),
      { ...usage, code: "SHARES_LIMIT", says: "limit of 30" },
    ],
    ["m above n", () => grant("notes", "-m", "3", "-n", "2", ...month), { ...usage, code: "THRESHOLD_ABOVE_SHARES", says: "choose m ≤ n" }],
    ["no proxy at all", () => grant("notes", "-m", "1", "-n", "0", ...month), { ...usage, code: "USAGE_INVALID", says: "-n" }],
    ["a date gone by", () => grant("notes", "-m", "1", "-n", "2", "--expires", "0d"), { ...usage, code: "EXPIRY_IN_PAST", says: "30d" }],
    ["half a duration", () => grant("notes", "-m", "1", "-n", "2", "--expires", "30"), { ...usage, code: "USAGE_INVALID", says: "30d" }],
    [
      "a date that does not exist",
      () => grant("notes", "-m", "1", "-n", "2", "--expires", "2031-02-31T00:00:00"),
      { ...usage, code: "USAGE_INVALID", says: "time zone" },
    ],
    [
      "an identity with a wrong letter",
      () => grant("notes", "-m", "1", "-n", "2", ...month).map((word) => word.replace(/^(kg1.{20})./, "$1b")),
      { ...usage, code: "IDENTITY_INVALID", says: /kg1|identity/ },
    ],
    [
      "fewer proxies than shares",
      () => grant("notes", "-m", "2", "-n", "3", ...month),
      { code: "NOT_ENOUGH_PROXIES", exitStatus: 5, says: /2/ },
    ],
    [
      "to show a policy that is not there",
      () => ["policy", "show", "0123456789abcdef", ...homeOf("laptop")],
      { code: "POLICY_UNKNOWN", exitStatus: 4, says: "policy list" },
    ],
    [
      "to revoke a policy that is not there",
      () => ["revoke", "0123456789abcdef", ...homeOf("laptop")],
      { code: "POLICY_UNKNOWN", exitStatus: 4, says: "policy list" },
    ],
    [
      "a label that is none",
      () => ["encrypt", place("notes.txt"), "--label", "a//b", "-o", place("never.kg"), ...homeOf("laptop")],
      { ...usage, code: "LABEL_INVALID", says: "label" },
    ],
    [
      "a cipher that is none",
      () => ["encrypt", place("notes.txt"), "--label", "a", "--cipher", "rot13", "-o", place("never.kg"), ...homeOf("laptop")],
      { ...usage, code: "SUITE_UNKNOWN", says: "aes-256-gcm" },
    ],
  ])("%s", async (_name, command, expected) => await expectRefused(command(), expected))

  test("and has made nothing of all this", async () => {
    expect(await expectDone(["policy", "list", ...homeOf("laptop")])).toMatchObject({ policies: [] })
    expect(readdirSync(stage.directory)).not.toContain("never.kg")
  })
})

describe("decrypt leaves no output of a file that is not right", () => {
  const decrypt = (file: string): readonly string[] => ["decrypt", place(file), "-o", place("out"), ...homeOf("laptop")]
  test.each<[string, (file: Buffer) => Buffer, string, RegExp]>([
    ["another format", () => Buffer.from("%PDF-1.7 not ours"), "FILE_NOT_KEYGROVE", /not a Keygrove file/],
    ["nothing in it", () => Buffer.alloc(0), "FILE_NOT_KEYGROVE", /not a Keygrove file/],
    ["its end missing", (file) => file.subarray(0, -70_000), "FILE_(TRUNCATED|CORRUPT)", /fetch it again/],
    ["more after its end", (file) => Buffer.concat([file, Buffer.from("more")]), "FILE_(TRAILING|CORRUPT)", /fetch it again/],
    ["a changed bit in its last chunk", (file) => flipped(file, file.length - 20), "FILE_CORRUPT", /fetch it again/],
    ["a changed bit in its header", (file) => flipped(file, 60), "FILE_HEADER_INVALID|CAPSULE_INVALID|FILE_CORRUPT|NO_POLICY", /.+/],
    ["a newer version", (file) => Buffer.concat([file.subarray(0, 9), Buffer.of(3), file.subarray(10)]), "FILE_VERSION", /update/],
  ])("%s", async (_name, change, code, says) => {
    writeFileSync(place("bad.kg"), change(readFileSync(place("film.kg"))))
    const before = readdirSync(stage.directory)
    const end = await runCommand(decrypt("bad.kg"))
    expect(end).toMatchObject({ stdout: "", stderr: expect.stringMatching(new RegExp(`^(${code}): [^\\n]+\\n$`)) })
    expect(end.stderr).toMatch(says)
    expect([1, 4]).toContain(end.exitStatus)
    expect(readdirSync(stage.directory)).toEqual(before)
  })

  test("an output that is there already, is the input, or has no directory", async () => {
    writeFileSync(place("mine"), "mine")
    const to = (out: string): readonly string[] => ["decrypt", place("film.kg"), "-o", out, ...homeOf("laptop")]
    await expectRefused(to(place("mine")), { code: "OUTPUT_EXISTS", exitStatus: 2, says: place("mine") })
    await expectRefused(to(place("nowhere/out")), { code: "OUTPUT_UNWRITABLE", exitStatus: 1, says: "ENOENT" })
    expect(readFileSync(place("mine"), "utf8")).toBe("mine")
    await expectDone(to(place("whole")))
    expect(readFileSync(place("whole")).equals(readFileSync(place("film")))).toBe(true)
  })
})

describe("a reader", () => {
  const read = (out: string): readonly string[] => ["decrypt", place("notes.txt.kg"), "-o", place(out), ...homeOf("bob")]

  test("without a grant is refused; with too few proxies up it is told, and reads when they are back", async () => {
    await expectRefused(read("never"), { code: "NO_POLICY", exitStatus: 4, says: "keygrove id" })
    const { policy } = await expectDone(grant("notes", "-m", "2", "-n", "2", ...month))
    await expectDone(["down", ...homeOf("proxy-2")])
    await expectRefused(read("never"), { code: "NOT_ENOUGH_PROXIES", exitStatus: 5, says: /1/ })
    await expectRefused(grant("films", "-m", "1", "-n", "2", ...month), { code: "NOT_ENOUGH_PROXIES", exitStatus: 5, says: /.+/ })
    expect(readdirSync(stage.directory)).not.toContain("never")
    const revoked = await expectDone(["revoke", String(policy), ...homeOf("laptop")])
    expect(revoked).toMatchObject({ policy, revoked: true, confirmed: 1, needed: 1, shares: 2 })
    await expectDone(["up", "--detach", ...homeOf("proxy-2")])
    await expectRefused(read("never"), { code: "POLICY_REVOKED", exitStatus: 4, says: /.+/ })
    await expectDone(grant("notes", "-m", "2", "-n", "2", ...month))
    await expectDone(read("read"))
    expect(readFileSync(place("read"), "utf8")).toBe("two lines\nof notes\n")
  })
})

describe("up and status on a home that is not right", () => {
  const home = (): string => directoryOf("spare")
  const file = (name: string): string => join(home(), name)
  const up = (): readonly string[] => ["up", "--detach", "--home", home()]

  async function expectBothRefused(expected: ExpectedRefusal): Promise<void> {
    await expectRefused(up(), expected, oneAfterTheOther)
    await expectRefused(["status", "--home", home()], expected)
  }

  test("a config.json of a newer version, and one that is damaged", async () => {
    const sound = readFileSync(file("config.json"), "utf8")
    writeFileSync(file("config.json"), sound.replace('"version": 1', '"version": 2'))
    await expectBothRefused({ code: "HOME_VERSION", exitStatus: 1, says: "update keygrove" })
    writeFileSync(file("config.json"), sound.slice(0, 20))
    await expectBothRefused({ code: "CONFIG_INVALID", exitStatus: 1, says: "config.json" })
    writeFileSync(file("config.json"), sound)
  })

  test("a home that others may enter, or that is another user's", async () => {
    chmodSync(home(), 0o750)
    await expectBothRefused({ code: "HOME_FOREIGN", exitStatus: 1, says: "chmod 700" })
    chmodSync(home(), 0o700)
    if (!isRoot) return
    chownSync(home(), 54_321, 54_321)
    await expectBothRefused({ code: "HOME_FOREIGN", exitStatus: 1, says: "54321" })
    chownSync(home(), 0, 0)
  })

  test.each([
    ["keystore.db", "DATABASE_CORRUPT", /restore it from a backup, or recover/],
    ["ledger.db", "LEDGER_CORRUPT", /ledger\.db/],
    ["node.db", "STORAGE_CORRUPT", /node\.db/],
  ])("a damaged %s", async (name, code, says) => {
    copyFileSync(file(name), place("sound.db"))
    const garbage = randomBytes(8_192)
    writeFileSync(file(name), garbage)
    await expectRefused(up(), { code, exitStatus: 1, says }, oneAfterTheOther)
    expect(readFileSync(file(name)).equals(garbage)).toBe(true)
    copyFileSync(place("sound.db"), file(name))
  })

  test("ports that are taken; it serves when they are free, with everything it had", async () => {
    const sound: Record<string, unknown> = JSON.parse(readFileSync(file("config.json"), "utf8"))
    const taken = createServer()
    await new Promise<void>((resolve) => taken.listen(0, "127.0.0.1", resolve))
    const address = taken.address()
    const port = typeof address === "object" && address !== null ? address.port : 0
    writeFileSync(file("config.json"), JSON.stringify({ ...sound, rpcPort: port }))
    await expectRefused(up(), { code: "RPC_PORT_IN_USE", exitStatus: 1, says: `127.0.0.1:${port}` }, oneAfterTheOther)
    writeFileSync(file("config.json"), JSON.stringify({ ...sound, listen: `/ip4/127.0.0.1/tcp/${port}` }))
    await expectRefused(up(), { code: "PORT_IN_USE", exitStatus: 1, says: `/tcp/${port}` }, oneAfterTheOther)
    await new Promise((resolve) => taken.close(resolve))
    await expectDone(up())
    expect(await expectDone(["status", "--home", home()])).toMatchObject({ state: "serving", path: "/spare", warnings: [] })
    await expectDone(["down", "--home", home()])
  })

  test("status tells what the home alone knows, in text and as JSON", async () => {
    const text = await runCommand(["status", "--home", home()])
    expect(text).toMatchObject({ exitStatus: 6, stderr: "" })
    for (const line of [/^state +not running; start it with `keygrove up`$/m, /^node +\/spare of cluster [0-9a-f]{64}$/m, /^id +kg1/m])
      expect(text.stdout).toMatch(line)
    for (const line of [
      /^ledger +follower of \/ip4\//m,
      /^listens +\/ip4\/127\.0\.0\.1\/tcp\/\d+$/m,
      /^unlocks +with the key file /m,
      /^back up +/m,
    ])
      expect(text.stdout).toMatch(line)
    const json = await runCommand(["status", "--json", "--home", home()])
    expect(json.exitStatus).toBe(6)
    expect(JSON.parse(json.stdout)).toMatchObject({
      version: 1,
      state: "not running",
      path: "/spare",
      ledger: { role: "follower", address: expect.stringMatching(/^\/ip4\//) },
      unlocks: { keyFile: expect.stringMatching(/spare\.key$/) },
    })
    expect(JSON.parse(json.stdout)).toHaveProperty("id", expect.stringMatching(/^kg1/))
  })
})

describe.runIf(isRoot && onLinux)("a full disk", () => {
  test("ends encrypt and decrypt with nothing half-written, and both work when there is room again", async () => {
    const disk = place("disk")
    mkdirSync(disk)
    execFileSync("mount", ["-t", "tmpfs", "-o", "size=256k", "tmpfs", disk])
    try {
      writeFileSync(join(disk, "ballast"), Buffer.alloc(150_000))
      const full = { code: "DISK_FULL", exitStatus: 1, says: /no space left/ }
      const encrypt = ["encrypt", place("film"), "--label", "films", "-o", join(disk, "film.kg"), ...homeOf("laptop")]
      const decrypt = ["decrypt", place("film.kg"), "-o", join(disk, "film"), ...homeOf("laptop")]
      await expectRefused(encrypt, full, oneAfterTheOther)
      await expectRefused(decrypt, full, oneAfterTheOther)
      expect(readdirSync(disk)).toEqual(["ballast"])
      rmSync(join(disk, "ballast"))
      await expectDone(encrypt)
      rmSync(join(disk, "film.kg"))
      await expectDone(decrypt)
      expect(statSync(join(disk, "film")).size).toBe(200_000)
    } finally {
      execFileSync("umount", ["--lazy", disk])
    }
  })

  test("ends init with nothing made, not even a words file", async () => {
    const disk = place("disk")
    execFileSync("mount", ["-t", "tmpfs", "-o", "size=64k", "tmpfs", disk])
    try {
      cpSync(`${directoryOf("spare")}.key`, place("key"))
      const init = ["init", "--home", join(disk, "home"), "--rpc-port", "0", "--key-file", place("key"), "--words-out", join(disk, "words")]
      writeFileSync(join(disk, "ballast"), Buffer.alloc(60_000))
      await expectRefused(init, { code: "DISK_FULL", exitStatus: 1, says: /free some/ }, oneAfterTheOther)
      expect(readdirSync(disk)).toEqual(["ballast"])
    } finally {
      execFileSync("umount", ["--lazy", disk])
    }
  })
})

function flipped(file: Buffer, at: number): Buffer {
  const changed = Buffer.from(file)
  changed[at] = (changed[at] ?? 0) ^ 1
  return changed
}
