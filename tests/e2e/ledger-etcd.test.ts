import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterAll, beforeAll, expect, test, vi } from "vitest"
import { EtcdCluster } from "../../packages/adapters/etcd/src/etcd-cluster.fixture.ts"
import { expectDone, expectRefused, runCommand } from "./command.ts"

/** Two nodes of one cluster, whose ledger is in an etcd of three members. */
const stage: { directory: string; etcd?: EtcdCluster } = { directory: "" }
const place = (name: string): string => join(stage.directory, name)
const at = (name: string): readonly string[] => ["--home", place(name)]
const made = (name: string): readonly string[] => [...at(name), "--rpc-port", "0", "--key-file", place(`${name}.key`)]

function etcd(): EtcdCluster {
  if (stage.etcd === undefined) throw new TypeError("etcd was not started")
  return stage.etcd
}

beforeAll(async () => {
  stage.directory = await mkdtemp(join(tmpdir(), "keygrove-etcd-"))
  stage.etcd = await EtcdCluster.start(3)
  await expectDone(["init", ...made("laptop"), "--name", "laptop", "--words-out", place("words"), "--ledger", etcd().url("grove")])
  await expectDone(["up", "--detach", ...at("laptop")])
  await expectDone(["node", "invite", "phone", ...at("laptop"), "-o", place("phone.invite"), "--code-out", place("phone.code")])
  await expectDone(["join", place("phone.invite"), ...made("phone"), "--code-file", place("phone.code")])
  await expectDone(["up", "--detach", ...at("phone")])
})

afterAll(async () => {
  for (const name of ["laptop", "phone"]) await runCommand(["down", ...at(name)])
  await stage.etcd?.[Symbol.asyncDispose]()
  await rm(stage.directory, { recursive: true })
})

test("both write directly and see each other's entries, also when a member of etcd is killed", async () => {
  const sees = async (name: string, path: string): Promise<void> => {
    const { nodes } = await expectDone(["node", "list", ...at(name)])
    expect(nodes).toContainEqual(expect.objectContaining({ path, epoch: 1 }))
  }
  await vi.waitFor(async () => await sees("laptop", "/laptop/phone"), { timeout: 90_000 })
  const before = await expectDone(["ledger", "status", ...at("phone")])
  expect(before).toMatchObject({ role: "etcd", address: etcd().url("grove"), etcd: { hasLeader: true } })
  await etcd().kill(await etcd().leader())
  for (const name of ["laptop", "phone"]) await expectDone(["proxy", "offer", "--until", "30d", ...at(name)])
  const length = Number(before["length"]) + 2
  for (const name of ["laptop", "phone"])
    await vi.waitFor(async () => expect(await expectDone(["ledger", "status", ...at(name)])).toMatchObject({ length }), { timeout: 90_000 })
  await vi.waitFor(
    async () => {
      const { stdout } = await runCommand(["status", ...at("laptop")])
      expect(stdout).toMatch(/etcd +2 of 3 members answer; leader 127\.0\.0\.1:\d+, term \d+/)
      expect(stdout).toMatch(/warning +etcd's member 127\.0\.0\.1:\d+ does not answer/)
    },
    { timeout: 90_000, interval: 1_000 },
  )
})

test("etcd drops what a snapshot says, and a member that was away starts from it", async () => {
  await expectDone(["down", ...at("phone")])
  await expectDone(["proxy", "offer", "--until", "40d", ...at("laptop")])
  const { length } = await expectDone(["ledger", "status", ...at("laptop")])
  const pruned = await runCommand(["ledger", "snapshot", "--prune-etcd", ...at("laptop")])
  expect(pruned.stdout).toContain(`etcd has the snapshot, and only key chains of the entries before ${String(length)};`)
  await expectDone(["up", "--detach", ...at("phone")])
  const offer = ["proxy", "offer", "--until", "50d", ...at("phone")]
  await vi.waitFor(async () => await expectDone(offer), { timeout: 90_000, interval: 1_000 })
  const status = async (): Promise<string> => (await runCommand(["ledger", "status", ...at("phone")])).stdout
  await vi.waitFor(async () => expect(await status()).toMatch(new RegExp(`etcd +pruned: .*before ${String(length)}\\b`)), {
    timeout: 90_000,
    interval: 1_000,
  })
  expect(await status()).toContain(`only key chains are left of entries before ${String(length)}`)
})

test("the ledger moves out of etcd to one node, and the other is told and follows it there", async () => {
  await expectRefused(["ledger", "migrate", "--to", "embedded", ...at("laptop")], {
    code: "ALREADY_RUNNING",
    exitStatus: 1,
    says: "stop it",
  })
  await expectDone(["down", ...at("laptop")])
  const moved = await expectDone(["ledger", "migrate", "--to", "embedded", ...at("laptop")])
  expect(moved).toMatchObject({
    from: etcd().url("grove"),
    to: "embedded",
    place: expect.stringMatching(/^\/ip4\/127\.0\.0\.1\/tcp\/\d+\/p2p\//),
  })
  const to = String(moved["place"])
  await expectDone(["up", "--detach", ...at("laptop")])
  expect(await expectDone(["ledger", "status", ...at("laptop")])).toMatchObject({ role: "host", address: to })
  const offer = ["proxy", "offer", "--until", "60d", ...at("phone")]
  await expectRefused(offer, { code: "LEDGER_MOVED", exitStatus: 4, says: to })
  const told = async (): Promise<void> =>
    expect((await runCommand(["status", ...at("phone")])).stdout).toContain(`the ledger was moved to ${to}`)
  await vi.waitFor(told, { timeout: 90_000, interval: 1_000 })
  await expectDone(["down", ...at("phone")])
  const wrong = ["ledger", "migrate", "--to", to.replace("127.0.0.1", "127.0.0.2"), ...at("phone")]
  expect(await runCommand(wrong)).toMatchObject({ exitStatus: 4, stderr: expect.stringContaining(`it was moved to ${to}`) })
  await expectDone(["ledger", "migrate", "--to", to, ...at("phone")])
  await expectDone(["up", "--detach", ...at("phone")])
  expect(await expectDone(["ledger", "status", ...at("phone")])).toMatchObject({ role: "follower", address: to })
  await vi.waitFor(async () => await expectDone(offer), { timeout: 90_000, interval: 1_000 })
  expect(await expectDone(["ledger", "verify", ...at("laptop")])).toMatchObject({ valid: true, void: 0 })
  await expectRefused(["ledger", "verify", ...at("phone")], { code: "LEDGER_PRUNED", exitStatus: 1, says: "was dropped" })
})

test("what cannot be an etcd is refused before a home is made", async () => {
  await writeFile(place("open"), "password\n", { mode: 0o644 })
  const init = (...more: readonly string[]): readonly string[] => ["init", ...made("never"), "--name", "never", ...more]
  const usage = { code: "ETCD_ADDRESS_INVALID", exitStatus: 2 }
  await expectRefused(init("--ledger", "etcd://one"), { ...usage, says: "names no prefix" })
  const invalid = { code: "CONFIG_INVALID", exitStatus: 1 }
  await expectRefused(init("--ledger", "etcd://one/x", "--etcd-user", "grove"), { ...invalid, says: "go together" })
  await expectRefused(init("--etcd-ca", place("ca.pem")), { ...invalid, says: "for a ledger in etcd" })
  const user = ["--etcd-user", "grove", "--etcd-password-file", place("open")]
  await expectRefused(init("--ledger", "etcd://one/x", ...user), { ...invalid, says: "over TLS only" })
  const unreadable = { code: "ETCD_FILE_UNREADABLE", exitStatus: 1, says: "chmod 600" }
  await expectRefused(init("--ledger", "etcd://127.0.0.1/x", ...user), unreadable)
  await expect(readFile(place("never/config.json"))).rejects.toMatchObject({ code: "ENOENT" })
})
