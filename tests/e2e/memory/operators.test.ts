import { createHash, randomBytes } from "node:crypto"
import { mkdtemp, rm, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { unwrap, utf8 } from "@keygrove/base"
import { nativePrimitives } from "@keygrove/curves-native"
import { createSealing } from "@keygrove/hpke"
import { decodeKeyId, decodeOperatorName } from "@keygrove/keys"
import { spawnKeystore, type KeystoreProcess } from "@keygrove/keystore"
import { systemRandom } from "@keygrove/system"
import { afterAll, beforeAll, describe, expect, test } from "vitest"
import { bundle } from "../bundle.ts"
import { makeHome } from "../node/node-process.ts"
import { findInProcess } from "./process-memory.ts"

const hpkeSealing = createSealing({ x25519: nativePrimitives.x25519, random: systemRandom })
const isRootOnLinux = process.platform === "linux" && process.getuid?.() === 0
const call = { caller: "node", signal: new AbortController().signal }

const stack = new AsyncDisposableStack()
let keystore: KeystoreProcess

/** Copies of the secret in every place that a function has for them. */
const COPIES = `
const kept = []
const copy = (secret) => {
  for (let round = 0; round < 200; round++) {
    kept.push(Uint8Array.from(secret), Array.from(secret), secret.slice().buffer, String.fromCharCode(...secret))
    const large = new Uint8Array(5_000)
    large.set(secret, round)
    kept.push(large)
  }
}`
const modules = {
  plain: "export const operate = (secret) => secret[0] % 2 === 0",
  copies: `${COPIES}; export const operate = (secret) => { copy(secret); return true }`,
  returns: `${COPIES}; export const operate = (secret) => { copy(secret); return secret.slice() }`,
  throws: `${COPIES}; export const operate = (secret) => { copy(secret); throw new Error(String.fromCharCode(...secret)) }`,
  endless: `${COPIES}; export const operate = (secret) => { copy(secret); for (;;); }`,
} as const

beforeAll(async () => {
  if (!isRootOnLinux) return
  const directory = await mkdtemp(join(tmpdir(), "keygrove-lent-"))
  stack.defer(async () => await rm(directory, { recursive: true, force: true }))
  const home = await makeHome(directory, "vault")
  const settings = await Promise.all(
    Object.entries(modules).map(async ([name, source]) => {
      await writeFile(join(directory, `${name}.mjs`), source)
      const sha256 = createHash("sha256").update(source).digest("hex")
      const output = { kind: name === "returns" ? "digest" : "boolean" }
      return { name, module: `${name}.mjs`, sha256, types: ["aes256"], keys: ["*"], output, timeoutMs: 500, perMinute: 100 }
    }),
  )
  const args = [join(bundle, "keystore.mjs"), "serve", "--store", home.file("keystore.db"), "--audit", home.file("audit.db")]
  const operators = ["--operators", JSON.stringify(settings), "--directory", directory]
  const program = { command: process.execPath, args: [...args, "--key-file", home.keyFile, ...operators], wipesFreed: true }
  keystore = stack.use(unwrap(await spawnKeystore(program, call)))
})
afterAll(async () => await stack.disposeAsync(), 60_000)

describe.runIf(isRootOnLinux)("memory of the keystore, after operators", () => {
  // Side by side: each waits for the engine, which keeps the pages of a thread that has ended for some seconds before it gives them back.
  test.concurrent.each(Object.keys(modules))("%s: no copy is left, whatever it did with the secret", { timeout: 300_000 }, async (name) => {
    const { keys } = keystore.keystore
    const key = unwrap(decodeKeyId(`lent/${name}`))
    const secret = randomBytes(32)
    const sealed = unwrap(
      await hpkeSealing.seal(keystore.keystore.identity().keys.sealingKey, secret, { info: utf8("keygrove/v1/key-import") }),
    )
    unwrap(await keys.register({ id: key, type: "aes256", source: { kind: "import", sealed } }, call))
    for (let round = 0; round < 3; round++)
      await keys.operate({ id: key, operator: unwrap(decodeOperatorName(name)), input: new Uint8Array(0) }, call)
    const forms = new Map<string, Uint8Array>([
      ["bytes", secret],
      ["as UTF-16", Buffer.from(secret.toString("latin1"), "utf16le")],
      ["hex", Buffer.from(secret.toString("hex"))],
    ])
    const left = async (): Promise<readonly string[]> => await findInProcess(keystore.pid, forms)
    await expect.poll(left, { timeout: 90_000, interval: 1_000 }).toEqual([])
  })
})
