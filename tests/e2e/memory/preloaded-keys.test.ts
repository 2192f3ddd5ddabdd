import { randomBytes } from "node:crypto"
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { unwrap, utf8 } from "@keygrove/base"
import { decodeKeyId, type KeyId, type KeyType } from "@keygrove/keys"
import { spawnKeystore } from "@keygrove/keystore"
import { afterAll, beforeAll, expect, test } from "vitest"
import { bundle } from "../bundle.ts"
import { makeHome, type TestHome } from "../node/node-process.ts"
import { canReadMemory, findInProcess } from "./process-memory.ts"

const call = { caller: "node", signal: new AbortController().signal }
const id = (text: string): KeyId => unwrap(decodeKeyId(text))
const types: readonly KeyType[] = ["ed25519", "p256", "aes256"]
const state: { directory: string; home?: TestHome } = { directory: "" }
const home = (): TestHome => state.home ?? expect.unreachable("made before")

beforeAll(async () => {
  state.directory = mkdtempSync(join(tmpdir(), "keygrove-preload-"))
  state.home = await makeHome(state.directory, "vault")
})
afterAll(() => rmSync(state.directory, { recursive: true, force: true }))

/** Which of the forms of a secret are in a file of the home. */
function inFiles(forms: ReadonlyMap<string, Buffer>): readonly string[] {
  const files = readdirSync(home().directory, { withFileTypes: true }).filter((each) => each.isFile())
  return files.flatMap(({ name }) => {
    const bytes = readFileSync(home().file(name))
    return [...forms].filter(([, form]) => bytes.includes(form)).map(([form]) => `${form} in ${name}`)
  })
}

test.runIf(canReadMemory).each(types)("a preloaded %s key is in memory as its bytes, in no other form, and in no file", async (type) => {
  const secret = randomBytes(32)
  // Below the order of every group.
  secret[0] = 0x11
  const path = join(state.directory, `${type}.hex`)
  writeFileSync(path, secret.toString("hex"), { mode: 0o600 })
  const text = Buffer.from(secret.toString("hex"))
  const forms = new Map([
    ["bytes", secret],
    ["text", text],
    ["UTF-16", Buffer.from(text.toString(), "utf16le")],
  ])
  const stores = ["--store", home().file("keystore.db"), "--audit", home().file("audit.db"), "--key-file", home().keyFile]
  await using keystore = unwrap(
    await spawnKeystore({ command: process.execPath, args: [join(bundle, "keystore.mjs"), "serve", ...stores] }, call),
  )
  const { keys } = keystore.keystore
  unwrap(await keys.register({ id: id("hot"), type, backend: "preload", source: { kind: "file", path } }, call))
  for (let index = 0; index < 20; index++) {
    const order = { id: id("hot"), message: utf8(`${index}`) }
    const used = type === "aes256" ? await keys.mac(order, call) : await keys.sign(order, call)
    expect(used.ok).toBe(true)
  }
  await expect.poll(async () => await findInProcess(keystore.pid, forms), { timeout: 90_000 }).toEqual(["bytes"])
  expect(inFiles(forms)).toEqual([])
  expect(unwrap(await keys.find(id("hot"), call)).backend).toBe("preload")
  await keystore[Symbol.asyncDispose]()
  expect(inFiles(forms)).toEqual([])
})
