import { randomBytes } from "node:crypto"
import { mkdtemp, rm, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { unwrap, utf8 } from "@keygrove/base"
import { nativePrimitives } from "@keygrove/curves-native"
import { systemRandom } from "@keygrove/system"
import { createSealing } from "@keygrove/hpke"
import { decodeKeyId, KEY_TYPES, keyTypeTraits, type KeyId, type KeyType } from "@keygrove/keys"
import { spawnKeystore, type KeystoreProcess } from "@keygrove/keystore"
import type { KeyMaterialSource, NamedKeys } from "@keygrove/service"
import { afterAll, beforeAll, describe, expect, test } from "vitest"
import { bundle } from "../bundle.ts"
import { makeHome } from "../node/node-process.ts"
import { canReadMemory, findInProcess } from "./process-memory.ts"

const hpkeSealing = createSealing({ x25519: nativePrimitives.x25519, random: systemRandom })

const call = { caller: "node", signal: new AbortController().signal }
const id = (text: string): KeyId => unwrap(decodeKeyId(text))

interface World extends AsyncDisposable {
  readonly directory: string
  readonly keystore: KeystoreProcess
}

let world: World

async function openWorld(): Promise<World> {
  await using stack = new AsyncDisposableStack()
  const directory = await mkdtemp(join(tmpdir(), "keygrove-named-"))
  stack.defer(async () => await rm(directory, { recursive: true, force: true }))
  const home = await makeHome(directory, "vault")
  const args = [join(bundle, "keystore.mjs"), "serve", "--store", home.file("keystore.db"), "--audit", home.file("audit.db")]
  const opened = await spawnKeystore({ command: process.execPath, args: [...args, "--key-file", home.keyFile] }, call)
  const keystore = stack.use(unwrap(opened))
  const owned = stack.move()
  return { directory, keystore, [Symbol.asyncDispose]: async () => await owned.disposeAsync() }
}

beforeAll(async () => {
  if (canReadMemory) world = await openWorld()
})
afterAll(async () => {
  if (canReadMemory) await world[Symbol.asyncDispose]()
})

/** 32 random bytes below the order of every group. */
function knownSecret(): Buffer {
  const bytes = randomBytes(32)
  bytes[0] = 0x11
  return bytes
}

/** The same secret by each way in that a person may take; what is found in memory afterwards would be a copy of it, in whatever form it came. */
async function sourceOf(kind: "file" | "import", secret: Buffer, name: string): Promise<KeyMaterialSource> {
  if (kind === "file") {
    const path = join(world.directory, `${name.replace("/", "-")}.hex`)
    await writeFile(path, `${secret.toString("hex")}\n`, { mode: 0o600 })
    return { kind, path }
  }
  const { sealingKey } = world.keystore.keystore.identity().keys
  return { kind, sealed: unwrap(await hpkeSealing.seal(sealingKey, secret, { info: utf8("keygrove/v1/key-import") })) }
}

/** Everything that a type can do, a few times. */
async function exercise(keys: NamedKeys, key: KeyId, type: KeyType): Promise<void> {
  const message = randomBytes(100)
  for (let round = 0; round < 5; round++) {
    for (const algorithm of keyTypeTraits(type).signatures) unwrap(await keys.sign({ id: key, message, algorithm }, call))
    const { operations } = keyTypeTraits(type)
    if (operations.includes("mac")) unwrap(await keys.mac({ id: key, message }, call))
    if (operations.includes("encrypt")) {
      const ciphertext = unwrap(await keys.encrypt({ id: key, plaintext: message }, call))
      unwrap(await keys.decrypt({ id: key, ciphertext }, call))
    }
    if (operations.includes("agree")) {
      const { publicKey } = unwrap(await keys.find(key, call)).versions[0] ?? { publicKey: new Uint8Array(0) }
      unwrap(await keys.agree({ id: key, peer: publicKey }, call))
    }
  }
  unwrap(await keys.derive({ id: key, child: id(`${key}/child`), type: "aes256" }, call))
}

describe.runIf(canReadMemory)("memory of the keystore, for named keys", () => {
  const forms = (secret: Buffer): ReadonlyMap<string, Uint8Array> =>
    new Map([
      ["bytes", secret],
      ["reversed", Buffer.from(secret).reverse()],
      ["hex", Buffer.from(secret.toString("hex"))],
      ["hex as UTF-16", Buffer.from(secret.toString("hex"), "utf16le")],
    ])

  test("the scan finds what is there, in every form", async () => {
    const planted = [...forms(knownSecret()).entries()]
    expect(await findInProcess(process.pid, new Map(planted))).toEqual(planted.map(([name]) => name))
  })

  test.each(KEY_TYPES.flatMap((type) => (["file", "import"] as const).map((kind) => [type, kind] as const)))(
    "%s by %s: no copy after use, and none after it was destroyed",
    { timeout: 300_000 },
    async (type, kind) => {
      const { keys } = world.keystore.keystore
      const key = id(`${type}/${kind}`)
      const secret = knownSecret()
      const source = await sourceOf(kind, secret, key)
      unwrap(await keys.register({ id: key, type, source }, call))
      await exercise(keys, key, type)
      // Libraries wipe their own copies when these are collected, which the vault has done a moment later.
      const left = async (): Promise<readonly string[]> => await findInProcess(world.keystore.pid, forms(secret))
      await expect.poll(left, { timeout: 90_000 }).toEqual([])
      unwrap(await keys.setState(key, { state: "destroyed" }, call))
      await expect.poll(left, { timeout: 90_000 }).toEqual([])
    },
  )
})
