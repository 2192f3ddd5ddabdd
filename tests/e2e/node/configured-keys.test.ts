import { randomBytes } from "node:crypto"
import { existsSync, readFileSync, writeFileSync } from "node:fs"
import { unwrap } from "@keygrove/base"
import { Keys } from "keygrove/rpc"
import { afterAll, beforeAll, describe, expect, test } from "vitest"
import { canReadMemory, findInProcess } from "../memory/process-memory.ts"
import { childrenOf, launchNode, makeHome, makeStage, startNodeProcess, type NodeProcess, type TestHome } from "./node-process.ts"

const VARIABLE = "KEYGROVE_TEST_BACKUP_KEY"
const seed = randomBytes(32).toString("hex")

/** In what form a copy in the keystore's memory would be found. */
const forms = new Map([
  ["text", Buffer.from(seed)],
  ["UTF-16", Buffer.from(seed, "utf16le")],
  ["bytes", Buffer.from(seed, "hex")],
])
const made = { id: "made", type: "p256", from: "generate", rules: { perMinute: 100 } }
const others = [
  { id: "derived", type: "ed25519", from: "derive" },
  { id: "read", type: "ed25519", from: "file:seed.hex" },
  { id: "inherited", type: "ed25519", from: `env:${VARIABLE}` },
]

const state: { stage?: AsyncDisposable & { readonly directory: string }; home?: TestHome; config: string } = { config: "" }
const home = (): TestHome => {
  if (state.home === undefined) throw new TypeError("the home is made first")
  return state.home
}

beforeAll(async () => {
  state.stage = await makeStage()
  state.home = await makeHome(state.stage.directory, "node")
  state.config = readFileSync(home().file("config.json"), "utf8")
  writeFileSync(home().file("seed.hex"), `${seed}\n`, { mode: 0o600 })
})
afterAll(async () => await state.stage?.[Symbol.asyncDispose]())

function configure(keys: readonly object[]): void {
  writeFileSync(home().file("config.json"), JSON.stringify({ ...JSON.parse(state.config), keys }))
}

async function listed(node: NodeProcess): Promise<readonly { readonly id: string; readonly fingerprint: string | undefined }[]> {
  const keys = new Keys(async (method, params) => unwrap(await node.call(method, params)))
  return (await Array.fromAsync(keys.list())).map(({ id, versions }) => ({ id, fingerprint: versions[0]?.fingerprint }))
}

describe("keys of the configuration", () => {
  test("of every source are there when the node says that it serves, and stay without their sources", async () => {
    configure([made, ...others])
    const first = await (async () => {
      await using node = await startNodeProcess(home(), { [VARIABLE]: seed })
      if (process.platform === "linux") {
        // The value is gone from where the system shows the environment of both processes, and from what they give to others.
        const shown = [node.pid, ...childrenOf(node.pid)].map((pid) => readFileSync(`/proc/${pid}/environ`, "latin1"))
        expect(shown).toHaveLength(2)
        for (const environment of shown) expect(environment.includes(seed)).toBe(false)
        const left = async (): Promise<readonly string[]> => await findInProcess(childrenOf(node.pid)[0] ?? 0, forms)
        if (canReadMemory) await expect.poll(left, { timeout: 90_000 }).toEqual([])
      }
      return await listed(node)
    })()
    expect(first.map(({ id }) => id)).toEqual(["derived", "inherited", "made", "read"])
    const [, inherited, , read] = first
    expect(inherited?.fingerprint).toBe(read?.fingerprint)
    configure([{ ...made, rules: { perMinute: 1 } }, ...others])
    await using again = await startNodeProcess(home())
    expect(await listed(again)).toEqual(first)
    await again.said(/^made keeps the rules that it was registered with/m)
  })

  test.each<[string, object, number, RegExp]>([
    ["that must exist and does not", { id: "gone", type: "ed25519" }, 2, /^KEY_UNKNOWN: the key gone of config\.json: .*say with "from"/m],
    ["of another type", { id: "made", type: "aes256" }, 2, /^KEY_TYPE_MISMATCH: the key made of config\.json: .*type p256, not aes256/m],
    [
      "whose file is missing",
      { id: "c", type: "ed25519", from: "file:/nowhere/key" },
      2,
      /^KEY_MATERIAL_UNREADABLE: the key c of config\.json: .*ENOENT/m,
    ],
    [
      "whose variable is missing",
      { id: "c", type: "ed25519", from: `env:${VARIABLE}` },
      2,
      /^KEY_MATERIAL_UNREADABLE: the key c of config\.json: .*without the environment variable KEYGROVE/m,
    ],
  ])("one %s stops the start", async (_what, key, exitStatus, says) => {
    configure([key])
    await using node = launchNode(home())
    const end = await node.ended
    expect(end).toMatchObject({ exitStatus, signal: null, log: expect.stringMatching(says) })
    expect(end.log).not.toMatch(/^serving /m)
    expect(end.log.trim().split("\n")).toHaveLength(1)
    expect(existsSync(home().file("rpc.sock"))).toBe(false)
  })

  test("one that was destroyed stops the start, and the node starts without it", async () => {
    configure([])
    await using node = await startNodeProcess(home())
    unwrap(await node.call("key.destroy", { id: "made" }))
    await node[Symbol.asyncDispose]()
    configure([{ id: "made", type: "p256", from: "generate" }])
    await using refused = launchNode(home())
    expect(await refused.ended).toMatchObject({
      exitStatus: 4,
      log: expect.stringMatching(/^KEY_DESTROYED: the key made of config\.json: /),
    })
  })
})
