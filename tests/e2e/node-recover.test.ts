import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { afterAll, beforeAll, describe, expect, test } from "vitest"
import { startGrove, type Grove } from "../../packages/apps/cli/src/grove/grove.ts"
import { expectKeygrove, runKeygrove, textField, type KeygroveAnswer } from "../../packages/apps/cli/src/grove/keygrove-process.ts"
import { entry } from "./bundle.ts"

const { signal } = new AbortController()
const TEXT = "what the phone wrote\n"
const NOTE = "what its keys guard\n"

/** A cluster whose node /laptop/phone is gone: what is left is a copy of two of its files, what it encrypted, and the ledger. */
class World {
  readonly grove: Grove
  readonly laptop: string
  #homes = 0

  constructor(grove: Grove) {
    this.grove = grove
    this.laptop = grove.member("laptop").home
  }

  file(name: string): string {
    return join(this.grove.directory, name)
  }

  /** A home that does not exist yet. */
  newHome(): string {
    return this.file(`home-${++this.#homes}`)
  }

  async run(args: readonly string[], home: string = this.laptop): Promise<KeygroveAnswer> {
    return await expectKeygrove(args, { home, signal, entry })
  }

  async refused(args: readonly string[], home: string = this.laptop): Promise<KeygroveAnswer["answer"]> {
    const { answer, exitStatus } = await runKeygrove(args, { home, signal, entry })
    expect(exitStatus).not.toBe(0)
    return answer
  }

  /** `node recover` on the parent's machine. */
  recovery(to: string, ...more: readonly string[]): readonly string[] {
    return ["node", "recover", "phone", "--to", to, "--passphrase-file-new", this.file("passphrase"), ...more]
  }

  /** `node recover` where nothing is but the words and what was copied. */
  recoveryByWords(to: string, ...more: readonly string[]): readonly string[] {
    const data = ["--words-file", this.file("words.txt"), "--ledger-file", join(this.laptop, "ledger.db")]
    return ["node", "recover", "/laptop/phone", "--to", to, "--passphrase-file-new", this.file("passphrase"), ...data, ...more]
  }

  get lost(): readonly string[] {
    return ["--keystore", this.file("lost/keystore.db"), "--audit", this.file("lost/audit.db")]
  }

  /** Runs a recovered home for as long as `use` needs it. */
  async whileUp(home: string, use: () => Promise<void>): Promise<void> {
    await this.run(["up", "--detach", "--passphrase-file", this.file("passphrase")], home)
    try {
      await use()
    } finally {
      await this.run(["down"], home)
    }
  }
}

async function makeWorld(): Promise<World> {
  const grove = await startGrove({ nodes: ["laptop"], readers: ["bob"], proxies: ["p1", "p2"], entry }, signal)
  const world = new World(grove)
  const phone = world.file("phone")
  writeFileSync(world.file("passphrase"), "correct horse battery staple\n", { mode: 0o600 })
  writeFileSync(world.file("text"), TEXT)
  writeFileSync(world.file("note"), NOTE)
  await world.run(["node", "invite", "phone", "-o", world.file("phone.invite"), "--code-out", world.file("phone.code")])
  const passphrase = ["--passphrase-file", world.file("passphrase")]
  await world.run(["join", world.file("phone.invite"), "--rpc-port", "0", "--code-file", world.file("phone.code"), ...passphrase], phone)
  await world.run(["up", "--detach", ...passphrase], phone)
  const bob = textField((await world.run(["id"], grove.member("bob").home)).answer, "id")
  await world.run(["encrypt", world.file("text"), "--label", "diary", "-o", world.file("text.kg")], phone)
  await world.run(["grant", "diary", "--to", bob, "-m", "1", "-n", "2", "--expires", "1d"], phone)
  for (const from of ["generate", "derive"]) {
    await world.run(["key", "add", from, "--type", "aes256", "--from", from], phone)
    await world.run(["key", "encrypt", from, world.file("note"), "-o", world.file(`${from}.sealed`)], phone)
  }
  const invitation = ["-o", world.file("watch.invite"), "--code-out", world.file("watch.code")]
  await world.run(["node", "invite", "watch", ...invitation, ...passphrase], phone)
  await world.run(["down"], phone)
  mkdirSync(world.file("lost"))
  for (const name of ["keystore.db", "audit.db"]) cpSync(join(phone, name), world.file(`lost/${name}`))
  rmSync(phone, { recursive: true })
  return world
}

const state: { world?: World } = {}
const world = (): World => {
  if (state.world === undefined) throw new TypeError("the world was not made")
  return state.world
}

beforeAll(async () => {
  state.world = await makeWorld()
}, 120_000)

afterAll(async () => {
  await state.world?.grove[Symbol.asyncDispose]()
})

async function opensTheFile(home: string): Promise<void> {
  const out = world().file("opened")
  rmSync(out, { force: true })
  await world().run(["decrypt", world().file("text.kg"), "-o", out], home)
  expect(readFileSync(out, "utf8")).toBe(TEXT)
}

async function opensWithItsKeys(home: string): Promise<void> {
  for (const id of ["generate", "derive"]) {
    const out = world().file(`${id}.opened`)
    rmSync(out, { force: true })
    await world().run(["key", "decrypt", id, world().file(`${id}.sealed`), "-o", out], home)
    expect(readFileSync(out, "utf8")).toBe(NOTE)
  }
  await world().run(["audit", "verify"], home)
}

async function warningsOf(home: string): Promise<string> {
  return JSON.stringify((await world().run(["status"], home)).answer["warnings"])
}

describe("a node whose machine is lost", () => {
  test("is recovered on its parent's machine, and is what it was: also the owner of its grants", { timeout: 300_000 }, async () => {
    const home = world().newHome()
    const { answer } = await world().run(world().recovery(home, ...world().lost))
    expect(answer).toMatchObject({ path: "/laptop/phone", generation: 1, epoch: 1, standing: "member", keys: 2 })
    expect(answer["ledger"]).toMatch(/^\/ip4\/127\.0\.0\.1\/tcp\/\d+\/p2p\//)
    await world().whileUp(home, async () => {
      await opensTheFile(home)
      await opensWithItsKeys(home)
      expect(await warningsOf(home)).toBe("[]")
      const [policy] = (await world().run(["policy", "list"], home)).answer["policies"] as readonly { id: string; role: string }[]
      expect(policy?.role).toBe("owner")
      await world().run(["revoke", policy?.id ?? ""], home)
    })
  })

  test("that was never heard of is recovered from the one above, by its passphrase, and then joins", async () => {
    const [phone, watch, again] = [world().newHome(), world().newHome(), world().newHome()]
    await world().run(world().recovery(phone))
    const fresh = ["--passphrase-file-new", world().file("passphrase")]
    const bySecret = ["node", "recover", "watch", "--passphrase-file", world().file("passphrase"), "--to", watch, ...fresh]
    const { answer } = await world().run(bySecret, phone)
    expect(answer).toMatchObject({ path: "/laptop/phone/watch", epoch: 1, standing: "member" })
    writeFileSync(world().file("wrong"), "wrong horse battery\n")
    const byWrong = ["node", "recover", "watch", "--passphrase-file", world().file("wrong"), "--to", again, ...fresh]
    expect(await world().refused(byWrong, phone)).toMatchObject({ code: "KEYSTORE_PASSPHRASE_WRONG" })
    // Two steps down, from the laptop: the same keys.
    const { answer: twice } = await world().run(["node", "recover", "/laptop/phone/watch", "--to", again, ...fresh])
    expect(twice["id"]).toBe(answer["id"])
    await world().whileUp(watch, async () => {
      const nodes = async (): Promise<unknown> => (await world().run(["node", "list"])).answer["nodes"]
      await expect.poll(nodes).toContainEqual(expect.objectContaining({ path: "/laptop/phone/watch", state: "active", epoch: 1 }))
    })
  })

  test("is recovered from the words, a ledger and its data alone, and then follows nobody", { timeout: 300_000 }, async () => {
    const home = world().newHome()
    const { answer } = await world().run(world().recoveryByWords(home, ...world().lost), world().file("nowhere"))
    expect(answer).toMatchObject({ standing: "member", keys: 2, ledger: "copy" })
    expect((await runKeygrove(["status"], { home, signal, entry })).answer).toMatchObject({ ledger: { role: "copy" } })
    await world().whileUp(home, async () => {
      await opensTheFile(home)
      await opensWithItsKeys(home)
      expect(await warningsOf(home)).toContain("the ledger is a copy of")
      expect(await world().refused(["proxy", "offer", "--until", "1d"], home)).toMatchObject({ code: "LEDGER_UNREACHABLE" })
    })
    expect(readdirSync(home).filter((name) => name.startsWith("lost"))).toEqual([])
  })

  test("without its keystore opens its files, and has no named keys", async () => {
    const home = world().newHome()
    expect((await world().run(world().recovery(home))).answer).toMatchObject({ keys: 0 })
    await world().whileUp(home, async () => {
      await opensTheFile(home)
      expect(await world().refused(["key", "decrypt", "derive", world().file("derive.sealed")], home)).toMatchObject({
        code: "KEY_UNKNOWN",
      })
    })
  })

  test("is refused where it is not below, was never, or is another's", async () => {
    const { file, laptop } = { file: (name: string) => world().file(name), laptop: world().laptop }
    const home = world().newHome()
    const by = async (...args: readonly string[]): Promise<unknown> => (await world().refused(args))["code"]
    const to = ["--to", home, "--passphrase-file-new", file("passphrase")]
    expect(await by("node", "recover", "tablet", ...to)).toBe("NODE_UNKNOWN")
    expect(await by("node", "recover", "phone", "--generation", "2", ...to)).toBe("NODE_GENERATION_UNKNOWN")
    expect(await by("node", "recover", "phone", "--words-file", file("bob-words.txt"), ...to)).toBe("WORDS_OF_ANOTHER_ROOT")
    const foreign = ["--keystore", join(laptop, "keystore.db")]
    expect(await by("node", "recover", "phone", ...foreign, ...to)).toBe("RECOVERY_KEYSTORE_FOREIGN")
    await world().run(["key", "add", "own", "--type", "ed25519"])
    const mixed = ["--keystore", file("lost/keystore.db"), "--audit", join(laptop, "audit.db")]
    expect(await by("node", "recover", "phone", ...mixed, ...to)).toBe("AUDIT_CORRUPT")
    expect(await by("node", "recover", "phone", ...to, "--audit", file("lost/audit.db"))).toBe("USAGE_INVALID")
    expect(await by("node", "recover", "/laptop", ...to, "--passphrase-file", file("passphrase"))).toMatch(/^WORDS_/)
    const taken = ["--to", laptop, "--passphrase-file-new", file("passphrase")]
    expect(await by("node", "recover", "phone", ...taken)).toBe("HOME_EXISTS")
    writeFileSync(file("short"), "short\n")
    expect(await by("node", "recover", "phone", "--to", home, "--passphrase-file-new", file("short"))).toBe("PASSPHRASE_TOO_SHORT")
    expect(existsSync(home)).toBe(false)
    expect(readdirSync(world().grove.directory).filter((name) => name.startsWith(".keygrove-init"))).toEqual([])
  })

  test("that was replaced or revoked opens what it had, and does not come back", { timeout: 300_000 }, async () => {
    await world().run(["node", "replace", "phone", "-o", world().file("second.invite"), "--code-out", world().file("second.code")])
    const old = world().newHome()
    const { answer } = await world().run(world().recovery(old, "--generation", "1", ...world().lost))
    expect(answer).toMatchObject({ generation: 1, standing: "replaced", ledger: "copy", keys: 2 })
    await world().whileUp(old, async () => {
      await opensTheFile(old)
      await opensWithItsKeys(old)
      expect(await warningsOf(old)).toContain("this node was replaced by generation 2")
    })
    const next = world().newHome()
    expect((await world().run(world().recoveryByWords(next))).answer).toMatchObject({ generation: 2, standing: "member" })
    const crossed = world().recovery(world().newHome(), "--generation", "2", "--keystore", world().file("lost/keystore.db"))
    expect(await world().refused(crossed)).toMatchObject({ code: "RECOVERY_KEYSTORE_FOREIGN" })

    await world().run(["node", "revoke", "phone", "--reason", "compromised"])
    const gone = world().newHome()
    const ledger = textField((await world().run(["ledger", "status"])).answer, "address")
    const again = await world().run(world().recoveryByWords(gone, "--generation", "1", "--ledger", ledger), world().file("nowhere"))
    expect(again.answer).toMatchObject({ generation: 1, standing: "revoked", ledger })
    await world().whileUp(gone, async () => {
      await opensTheFile(gone)
      expect(await warningsOf(gone)).toContain("this node was revoked (compromised)")
      const nodes = (await world().run(["node", "list"])).answer["nodes"] as readonly { path: string; state: string }[]
      expect(nodes.find(({ path }) => path === "/laptop/phone")).toMatchObject({ state: "revoked" })
    })
  })
})
