import { existsSync, readFileSync, renameSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { unwrap } from "@keygrove/base"
import { AnswerFields, callRpc, decodePieces, type PiecesState } from "keygrove/rpc"
import { afterAll, beforeAll, describe, expect, test } from "vitest"
import { startGrove, type Grove } from "../../packages/apps/cli/src/grove/grove.ts"
import { expectKeygrove, runKeygrove, type KeygroveAnswer } from "../../packages/apps/cli/src/grove/keygrove-process.ts"
import { processTree } from "../../packages/apps/cli/src/grove/peak-memory.ts"
import { SoftwareTpm } from "../../packages/adapters/tpm/src/swtpm.fixture.ts"
import { openAttester } from "../../packages/apps/node/src/runtime/open-attester.ts"
import { entry } from "./bundle.ts"
import { storageKeyOf } from "./memory/kept-pieces.ts"
import { canReadMemory, findInProcess } from "./memory/process-memory.ts"

const { signal } = new AbortController()
/** Of what another process does in its own time. */
const POLL = { timeout: 120_000, interval: 200 }

/** Five nodes of one cluster; the first hosts the ledger. */
class World {
  readonly grove: Grove

  constructor(grove: Grove) {
    this.grove = grove
  }

  home(name: string): string {
    return this.grove.member(name).home
  }

  file(name: string): string {
    return join(this.grove.directory, name)
  }

  async run(name: string, ...args: readonly string[]): Promise<KeygroveAnswer["answer"]> {
    return (await expectKeygrove(args, { home: this.home(name), signal, entry })).answer
  }

  async try(name: string, ...args: readonly string[]): Promise<KeygroveAnswer> {
    return await runKeygrove(args, { home: this.home(name), signal, entry })
  }

  /** Without a program for each question. */
  async call(name: string, method: string, params: object = {}): Promise<unknown> {
    const [socketPath, cookiePath] = [join(this.home(name), "rpc.sock"), join(this.home(name), ".cookie")]
    return unwrap(await callRpc({ socketPath, cookiePath }, method, params, { signal }))
  }

  async pieces(name: string): Promise<PiecesState> {
    return decodePieces("pieces.status", await this.call(name, "pieces.status"))
  }

  async state(name: string): Promise<string> {
    return new AnswerFields("node.status", await this.call(name, "node.status")).text("state")
  }

  pid(name: string): number {
    return Number(readFileSync(join(this.home(name), "node.pid"), "utf8"))
  }

  /** As a power cut does. */
  kill(name: string): void {
    process.kill(this.pid(name), "SIGKILL")
  }

  /** It moves the pieces of owners that are off as soon as a node may, from its next start on. */
  hasten(name: string): void {
    this.configure(name, { pieceWaits: { ownerSeconds: 5 } })
  }

  /** What counts from its next start on. */
  configure(name: string, more: object): void {
    const path = join(this.home(name), "config.json")
    const config: Record<string, unknown> = JSON.parse(readFileSync(path, "utf8"))
    writeFileSync(path, JSON.stringify({ ...config, ...more }))
  }

  /** What its holders answer a locked node, by their codes. */
  async refusals(name: string): Promise<readonly (string | undefined)[]> {
    const status = new AnswerFields("node.status", await this.call(name, "node.status"))
    return status
      .object("unlocking")
      .objects("refused")
      .map((each) => each.text("reason").split(":")[0])
  }

  /** What the ledger has of one kind, the oldest first. */
  async entries(name: string, kind: string): Promise<readonly AnswerFields[]> {
    return new AnswerFields("ledger.entries", await this.call(name, "ledger.entries", { from: 0, limit: 256, kind })).objects("entries")
  }

  /** Wherever it is. */
  keyFile(name: string): string {
    return [this.file(`${name}.key`), this.file(`${name}.away`)].find((path) => existsSync(path)) ?? ""
  }

  /** Nothing but pieces can open it from here on. */
  takeKeyFile(name: string): string {
    const away = this.file(`${name}.away`)
    renameSync(this.file(`${name}.key`), away)
    return away
  }

  /** All members have shared in the newest key generation, which is complete. */
  async settled(name: string, members: number): Promise<number> {
    await expect
      .poll(async () => {
        const { generation, starting } = await this.pieces(name)
        return starting === null && generation?.members === members && generation.shared === members
      }, POLL)
      .toBe(true)
    return (await this.pieces(name)).generation?.generation ?? 0
  }
}

const shared: { world?: World; tpm?: SoftwareTpm } = {}
function world(): World {
  if (shared.world === undefined) throw new TypeError("the grove has not started")
  return shared.world
}

beforeAll(async () => {
  shared.world = new World(await startGrove({ nodes: ["a", "b", "c", "d", "e"], readers: [], proxies: [], entry }, signal))
  shared.tpm = await SoftwareTpm.start()
  shared.world.configure("b", { tpm: { tcti: shared.tpm.tcti } })
}, 120_000)
afterAll(async () => {
  await shared.world?.grove[Symbol.asyncDispose]()
  await shared.tpm?.[Symbol.asyncDispose]()
}, 60_000)

describe("nodes that keep each other's pieces", { timeout: 300_000 }, () => {
  test("join, also at once, and prove that they have the pieces", async () => {
    expect(await world().run("a", "pieces", "join")).toMatchObject({ state: "waiting", members: 1, fewest: 3 })
    await Promise.all([world().run("b", "pieces", "join"), world().run("c", "pieces", "join")])
    await world().run("e", "pieces", "join")
    await world().settled("a", 4)
    const { nodes } = await world().pieces("a")
    expect(nodes.map(({ canUnlock, path, sharings: [newest] }) => [path, canUnlock, newest?.holders.length])).toEqual(
      ["/a", "/b", "/c", "/e"].map((path) => [path, true, 3]),
    )
    expect(await world().run("b", "pieces", "verify")).toMatchObject({ proved: 12 })
  })

  test("are unlocked after a power cut, the ledger's host too, without any secret", async () => {
    for (const name of ["b", "a"]) {
      world().takeKeyFile(name)
      world().kill(name)
      expect(await world().run(name, "up", "--detach")).toMatchObject({ state: "serving" })
      expect(
        await world().run(name, "encrypt", world().file("words.txt"), "--label", "after", "-o", world().file(`${name}.kg`)),
      ).toBeDefined()
    }
  })

  test("were away during two key generations, and are unlocked by those that keep their pieces", async () => {
    world().takeKeyFile("e")
    world().kill("e")
    expect(await world().run("d", "pieces", "join", "--unlock", "approve")).toMatchObject({ state: "joined", path: "/d", members: 5 })
    const joined = (await world().pieces("a")).generation?.generation ?? 0
    await world().run("a", "pieces", "renew")
    await expect.poll(async () => (await world().pieces("a")).generation?.generation, POLL).toBeGreaterThan(joined)
    expect(await world().run("e", "up", "--detach")).toMatchObject({ state: "serving" })
    await world().settled("a", 5)
  })

  test("wait for a person where they were told to, and a wrong request approves nothing", async () => {
    world().hasten("d")
    world().kill("d")
    const started = await world().try("d", "up", "--detach")
    expect(started).toMatchObject({ exitStatus: 3, answer: { state: "unlocking", unlocking: { given: 0, needed: 3 } } })
    const request = new AnswerFields("up", started.answer).object("unlocking").text("request")
    await expect.poll(async () => (await world().run("a", "unlock", "requests"))["requests"], POLL).toMatchObject([{ node: "/d", request }])
    expect((await world().try("a", "unlock", "approve", "d", "--request", "ffffffff")).answer).toMatchObject({
      code: "UNLOCK_REQUEST_UNKNOWN",
    })
    expect((await world().try("d", "policy", "list")).answer).toMatchObject({ code: "KEYSTORE_LOCKED" })
    await world().run("a", "unlock", "approve", "d", "--request", request)
    await expect.poll(async () => await world().state("d"), POLL).toBe("serving")
  })

  test("are given nothing when they are revoked; their key file goes on opening them", async () => {
    // Off while the members become others: the next test goes on with it.
    world().kill("e")
    const keyFile = world().takeKeyFile("c")
    const revoked = await world().run("a", "node", "revoke", "/c", "--reason", "retired", "--words-file", world().file("words.txt"))
    expect(revoked).toMatchObject({ piecesEnded: ["/c"] })
    world().kill("c")
    const refused = await world().try("c", "up", "--detach")
    // It may know that it ended, or be told by nobody.
    expect(refused).toMatchObject({
      exitStatus: 3,
      answer: { waits: expect.stringMatching(/0 of 3 pieces were given; .*knows this node no more|UNLOCK_REVOKED/) },
    })
    expect(await world().run("c", "unlock", "--key-file", keyFile)).toMatchObject({ state: "serving" })
    await world().settled("a", 4)
  })

  test("were off when the members changed, and are unlocked by a majority of those that are members now", async () => {
    const holders = ["a", "b", "d"]
    const away = (await world().pieces("a")).nodes.find(({ path }) => path === "/e")
    const holding = holders.map((name) => ({ path: `/${name}`, isOn: true }))
    expect(away).toMatchObject({ isOn: false, canUnlock: true, sharings: [{ movedBy: "/d", needed: 2, holders: holding }] })
    const moved = (await world().entries("a", "pieces-redistributed")).at(-1)
    expect(moved?.text("says")).toMatch(/^moved \/e from key generation/)
    await expect
      .poll(async () => {
        const wiped = (await world().entries("a", "pieces-wiped")).filter((each) => each.number("index") > (moved?.number("index") ?? 0))
        return wiped.map((each) => each.text("path")).toSorted()
      }, POLL)
      .toEqual(expect.arrayContaining(["/a", "/b", "/d"]))
    await expectNoStorageKey(holders)
    // Of the three pieces that opened it before, one was with the node that was revoked and one is with this one.
    world().kill("b")
    for (const name of ["e", "b"]) expect(await world().run(name, "up", "--detach")).toMatchObject({ state: "serving" })
    await expect.poll(async () => (await world().try("a", "pieces", "verify")).exitStatus, POLL).toBe(0)
    for (const name of ["a", "b", "d", "e"]) expect((await world().pieces(name)).liars).toEqual([])
  })

  test("are unlocked on their own machine only, where its TPM has to show that; not from a copy of the disk", async () => {
    expect(await world().run("b", "pieces", "join", "--evidence", "tpm2", "--pcrs", "0,7")).toMatchObject({ evidence: { pcrs: [0, 7] } })
    const measured = await world().run("b", "pieces", "measure")
    expect(measured).toMatchObject({ isAccepted: true, pcrs: [0, 7] })
    world().kill("b")
    expect(await world().run("b", "up", "--detach")).toMatchObject({ state: "serving" })
    await using thief = await SoftwareTpm.start()
    const tpm = { tcti: thief.tcti }
    world().configure("b", { tpm })
    world().kill("b")
    expect(await world().try("b", "up", "--detach")).toMatchObject({
      exitStatus: 3,
      answer: { state: "unlocking", unlocking: { given: 0, problem: { code: "TPM_KEY_LOST" }, refused: [] } },
    })
    // A thief who knows the protocol lets another TPM speak for it.
    unwrap(await openAttester({ attestationKey: join(world().home("b"), "attestation-key") }, { tpm }).enrol({ signal }))
    await expect.poll(async () => await world().refusals("b"), POLL).toEqual(Array.from({ length: 3 }, () => "EVIDENCE_KEY_WRONG"))
    // The owner, with the key file, moves to that machine; then its TPM counts.
    await world().run("b", "unlock", "--key-file", world().keyFile("b"))
    await expect
      .poll(async () => await world().call("b", "node.status"), POLL)
      .toMatchObject({ warnings: expect.arrayContaining([expect.stringContaining("EVIDENCE_KEY_WRONG")]) as unknown })
    const both = await world().run("b", "pieces", "join", "--evidence", "tpm2", "--boot-key", "tpm")
    expect(both).toMatchObject({ bootKey: { kept: "tpm", pcrs: [] } })
    world().kill("b")
    expect(await world().run("b", "up", "--detach")).toMatchObject({ state: "serving" })
    thief.run("tpm2_pcrextend", `7:sha256=${"07".repeat(32)}`)
    expect(await world().run("b", "pieces", "measure")).toMatchObject({ isAccepted: false })
    world().kill("b")
    const changed = await world().try("b", "up", "--detach")
    expect(changed).toMatchObject({
      exitStatus: 3,
      answer: { waits: expect.stringMatching(/EVIDENCE_MEASUREMENT_WRONG: .*booted something else/) },
    })
  })
})

/** The storage key of the node that is off is in no process of those that keep its pieces, which together make it. */
async function expectNoStorageKey(holders: readonly string[]): Promise<void> {
  if (!canReadMemory) return
  const files = holders.slice(0, 2).map((name) => ({
    keyFile: world().keyFile(name),
    store: join(world().home(name), "keystore.db"),
    storage: join(world().home(name), "node.db"),
  }))
  using storageKey = storageKeyOf("/e", files)
  const bytes = storageKey.expose((live) => Buffer.from(live))
  const patterns = new Map<string, Uint8Array>([
    ["first half", bytes.subarray(0, 16)],
    ["last half", bytes.subarray(16)],
  ])
  expect(await findInProcess(process.pid, patterns)).not.toEqual([])
  for (const pid of holders.flatMap((name) => processTree(world().pid(name)))) expect(await findInProcess(pid, patterns)).toEqual([])
}
