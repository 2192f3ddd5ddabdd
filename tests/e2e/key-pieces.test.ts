import { readFileSync, renameSync } from "node:fs"
import { join } from "node:path"
import { AnswerFields, decodePieces, type PiecesState } from "keygrove/rpc"
import { afterAll, beforeAll, describe, expect, test } from "vitest"
import { startGrove, type Grove } from "../../packages/apps/cli/src/grove/grove.ts"
import { expectKeygrove, runKeygrove, type KeygroveAnswer } from "../../packages/apps/cli/src/grove/keygrove-process.ts"
import { entry } from "./bundle.ts"

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

  async pieces(name: string): Promise<PiecesState> {
    return decodePieces("pieces.status", await this.run(name, "pieces", "status"))
  }

  async state(name: string): Promise<string> {
    return new AnswerFields("node.status", (await this.try(name, "status")).answer).text("state")
  }

  /** As a power cut does. */
  kill(name: string): void {
    process.kill(Number(readFileSync(join(this.home(name), "node.pid"), "utf8")), "SIGKILL")
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

const shared: { world?: World } = {}
function world(): World {
  if (shared.world === undefined) throw new TypeError("the grove has not started")
  return shared.world
}

beforeAll(async () => {
  shared.world = new World(await startGrove({ nodes: ["a", "b", "c", "d", "e"], readers: [], proxies: [], entry }, signal))
}, 120_000)
afterAll(async () => await shared.world?.grove[Symbol.asyncDispose](), 60_000)

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
})
