import { readFileSync, rmSync, writeFileSync } from "node:fs"
import { AnswerFields } from "keygrove/rpc"
import { afterAll, beforeAll, expect, test } from "vitest"
import { startGrove, type Grove } from "../../packages/apps/cli/src/grove/grove.ts"
import { expectKeygrove, runKeygrove, textField, type KeygroveAnswer } from "../../packages/apps/cli/src/grove/keygrove-process.ts"
import { entry } from "./bundle.ts"

const { signal } = new AbortController()
/** Longest wait for what a node does by itself. */
const PATIENCE_MS = 90_000
const BEFORE = "written before\n"
const AFTER = "written after\n"

/** A cluster of three nodes, which has shared something with another person. */
interface World extends AsyncDisposable {
  readonly grove: Grove
  readonly laptop: string
  readonly phone: string
  readonly tablet: string
  file(name: string): string
}

const state: { world?: World } = {}
const world = (): World => {
  if (state.world === undefined) throw new TypeError("the world was not made")
  return state.world
}

const run = async (home: string, ...args: readonly string[]): Promise<KeygroveAnswer["answer"]> =>
  (await expectKeygrove(args, { home, signal, entry })).answer
const refusal = async (home: string, ...args: readonly string[]): Promise<unknown> => {
  const { answer, exitStatus } = await runKeygrove(args, { home, signal, entry })
  return exitStatus === 0 ? answer : answer["code"]
}

/** Waits until something that a node does by itself is done. */
async function until(what: string, isSo: () => Promise<boolean>): Promise<void> {
  const deadline = Date.now() + PATIENCE_MS
  while (!(await isSo())) {
    if (Date.now() > deadline) throw new Error(`${what} did not happen in ${PATIENCE_MS} ms`)
    await new Promise((resolve) => setTimeout(resolve, 250))
  }
}

async function opened(home: string, file: string): Promise<string> {
  const out = world().file("opened")
  rmSync(out, { force: true })
  await run(home, "decrypt", world().file(file), "-o", out)
  return readFileSync(out, "utf8")
}

const passphrase = (): readonly string[] => ["--passphrase-file", world().file("passphrase")]
const up = async (home: string): Promise<unknown> => await run(home, "up", "--detach", ...(home === world().laptop ? [] : passphrase()))
async function move(home: string, ...args: readonly string[]): Promise<KeygroveAnswer["answer"]> {
  const unlocking = home === world().laptop ? [] : passphrase()
  return await run(home, "node", "move", ...args, "--code-file", world().file("code"), ...unlocking)
}

beforeAll(async () => {
  const grove = await startGrove({ nodes: ["laptop"], readers: ["bob"], proxies: ["p1"], entry }, signal)
  const file = (name: string): string => `${grove.directory}/${name}`
  const homes = { laptop: grove.member("laptop").home, phone: file("phone"), tablet: file("tablet") }
  const end = async (): Promise<void> => {
    for (const home of Object.values(homes)) await runKeygrove(["down"], { home, signal, entry })
    await grove[Symbol.asyncDispose]()
  }
  state.world = { grove, ...homes, file, [Symbol.asyncDispose]: end }
  writeFileSync(file("passphrase"), "correct horse battery staple\n", { mode: 0o600 })
  writeFileSync(file("before"), BEFORE)
  writeFileSync(file("after"), AFTER)
  for (const name of ["phone", "tablet"] as const) {
    await run(homes.laptop, "node", "invite", name, "-o", file(`${name}.invite`), "--code-out", file(`${name}.code`))
    await run(homes[name], "join", file(`${name}.invite`), "--rpc-port", "0", "--code-file", file(`${name}.code`), ...passphrase())
    await up(homes[name])
  }
  for (const home of Object.values(homes)) await run(home, "pieces", "join", "--unlock", "approve")
  await run(homes.laptop, "encrypt", file("before"), "--label", "diary", "-o", file("before.kg"))
  const bob = textField(await run(grove.member("bob").home, "id"), "id")
  await run(homes.laptop, "grant", "diary", "--to", bob, "-m", "1", "-n", "1", "--expires", "1d")
})

afterAll(async () => {
  await state.world?.[Symbol.asyncDispose]()
})

test("a root is replaced under nodes that run: each moves when its person comes, and loses nothing", async () => {
  const { file, grove, laptop, phone, tablet } = world()
  const order = ["--words-file", file("words.txt"), "--words-out", file("new-words"), "--code-out", file("code"), "--yes"]
  const begun = await run(laptop, "root", "rekey", ...order)
  expect(begun).toMatchObject({ state: "moving", published: 4, entries: 4, reason: null })
  expect(await refusal(laptop, "root", "rekey", ...order)).toBe("ROOT_REKEY_UNDER_WAY")

  const hears = async (home: string, what: string): Promise<void> =>
    await until(what, async () => JSON.stringify((await run(home, "status"))["warnings"]).includes(what))
  for (const home of [laptop, phone, tablet]) await hears(home, "was replaced")
  expect(await refusal(laptop, "encrypt", file("after"), "--label", "diary", "-o", file("refused.kg"))).toBe("ROOT_REPLACED")
  expect(await opened(laptop, "before.kg")).toBe(BEFORE)
  expect(await refusal(laptop, "node", "move", "--code-file", file("code"))).toBe("ALREADY_RUNNING")

  // One is revoked in the middle of it, below the old root and below the new one.
  await run(laptop, "node", "revoke", "tablet", "--reason", "compromised")
  await hears(tablet, "was revoked")
  for (const home of [laptop, phone]) {
    await run(home, "down")
    expect(await move(home)).toMatchObject({ from: begun["cluster"], cluster: begun["successor"] })
    await up(home)
  }
  await run(laptop, "node", "revoke", "tablet", "--reason", "compromised")
  await until("the end of the plan", async () => (await refusal(laptop, "root", "rekey")) === "NOT_CONFIRMED")
  // Both are members again, by themselves and as they were; they are too few to keep pieces.
  const again = async (): Promise<readonly string[]> =>
    new AnswerFields("ledger log", await run(laptop, "ledger", "log", "--kind", "custody-joined"))
      .objects("entries")
      .filter((each) => each.text("cluster") === begun["successor"])
      .map((each) => `${each.text("path")} ${each.text("says")}`)
  await until("that both are members again", async () => (await again()).length >= 2)
  const says = "takes part in keeping pieces, is unlocked when a person approves"
  expect(await again()).toEqual([`/laptop ${says}`, `/laptop/phone ${says}`])
  expect((await run(phone, "status"))["warnings"]).toEqual([expect.stringContaining("`keygrove pieces join` on 1 more node")])

  // Not even with an invitation and the code.
  await run(tablet, "down")
  const back = await refusal(tablet, "node", "move", "--code-file", file("code"), ...passphrase())
  expect(back).toBe("NODE_NOT_ON_LEDGER")

  expect(await opened(laptop, "before.kg")).toBe(BEFORE)
  await run(laptop, "encrypt", file("after"), "--label", "diary", "-o", file("after.kg"))
  expect(await opened(laptop, "after.kg")).toBe(AFTER)
  const bob = grove.member("bob").home
  expect(await opened(bob, "before.kg")).toBe(BEFORE)
  const reads = async (): Promise<boolean> => typeof (await refusal(bob, "decrypt", file("after.kg"), "-o", file("bobs"))) !== "string"
  await until("the grant below the new root", reads)
  expect(readFileSync(file("bobs"), "utf8")).toBe(AFTER)

  expect(await refusal(laptop, "root", "verify", "--words-file", file("words.txt"))).toBe("WORDS_OF_ANOTHER_ROOT")
  await run(laptop, "root", "verify", "--words-file", file("new-words"))
  expect(await run(laptop, "rotate", file("before.kg"))).toMatchObject({ files: [{ state: "rotated" }] })
  expect(await opened(laptop, "before.kg")).toBe(BEFORE)
})
