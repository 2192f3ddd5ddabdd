import { pbkdf2Sync, randomBytes } from "node:crypto"
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { Secret, unwrap } from "@keygrove/base"
import { nativePrimitives } from "@keygrove/curves-native"
import { decodeEpoch, decodeGeneration, decodeNodeName, deriveChild, deriveEpoch, deriveRoot, labelSecret } from "@keygrove/hierarchy"
import { afterAll, beforeAll, describe, expect, test } from "vitest"
import { startGrove, type Grove } from "../../../packages/apps/cli/src/grove/grove.ts"
import { expectKeygrove } from "../../../packages/apps/cli/src/grove/keygrove-process.ts"
import { processTree } from "../../../packages/apps/cli/src/grove/peak-memory.ts"
import { entry } from "../bundle.ts"
import { canReadMemory, findInProcess } from "./process-memory.ts"

const LABEL = "memory"
const { signal } = new AbortController()

interface World {
  readonly grove: Grove
  readonly home: string
  readonly secrets: ReadonlyMap<string, Uint8Array>
}

const state: { directory: string; world?: World } = { directory: "" }

/** Everything long-lived that a node with these words and this passphrase must keep to its keystore. */
async function expectedSecrets(words: string, passphrase: string): Promise<ReadonlyMap<string, Uint8Array>> {
  const bytes = (secret: Secret): Uint8Array => secret.expose((each) => Uint8Array.from(each))
  const seed = Uint8Array.from(pbkdf2Sync(words, "mnemonic", 2048, 64, "sha512"))
  const root = deriveRoot(nativePrimitives, Secret.take(Uint8Array.from(seed)))
  const child = { name: unwrap(decodeNodeName("vault")), generation: unwrap(decodeGeneration(1)) }
  const node = deriveChild(nativePrimitives, root, child)
  const epoch = deriveEpoch(nativePrimitives, node, unwrap(decodeEpoch(1)))
  return new Map([
    ["passphrase", Buffer.from(passphrase)],
    ["seed of the words", seed],
    ["root secret", bytes(root)],
    ["node secret", bytes(node)],
    ["label key", bytes(labelSecret(nativePrimitives, epoch.labels, LABEL))],
    ["signing key", bytes(epoch.signing)],
  ])
}

beforeAll(async () => {
  if (!canReadMemory) return
  state.directory = await mkdtemp(join(tmpdir(), "keygrove-memory-"))
  const grove = await startGrove({ nodes: ["laptop"], readers: [], proxies: ["p1", "p2"], entry }, signal)
  const home = join(state.directory, "vault")
  const passphrase = `correct horse ${randomBytes(12).toString("hex")}`
  await writeFile(join(state.directory, "passphrase"), `${passphrase}\n`, { mode: 0o600 })
  const passphraseFile = ["--passphrase-file", join(state.directory, "passphrase")]
  const ledger = String(
    (await expectKeygrove(["ledger", "status"], { home: grove.member("laptop").home, signal, entry })).answer["address"],
  )
  const words = join(state.directory, "words")
  const init = ["init", "--name", "vault", "--ledger", ledger, "--rpc-port", "0", "--words-out", words, ...passphraseFile]
  await expectKeygrove(init, { home, signal, entry })
  await expectKeygrove(["up", "--detach", ...passphraseFile], { home, signal, entry })
  const secrets = await expectedSecrets((await readFile(words, "utf8")).trim(), passphrase)
  state.world = { grove, home, secrets }
})

afterAll(async () => {
  if (state.world === undefined) return
  await expectKeygrove(["down"], { home: state.world.home, signal, entry })
  await state.world.grove[Symbol.asyncDispose]()
  await rm(state.directory, { recursive: true })
})

describe.runIf(canReadMemory)("memory of the processes", () => {
  const world = (): World => {
    if (state.world === undefined) throw new TypeError("the world was not made")
    return state.world
  }
  const pids = async (): Promise<readonly number[]> => processTree(Number(await readFile(join(world().home, "node.pid"), "utf8")))

  test("the scan finds what is there", async () => {
    const planted = new Map([["planted", randomBytes(32)]])
    expect(await findInProcess(process.pid, planted)).toEqual(["planted"])
  })

  test(
    "after use, no process but the keystore holds a secret, and the keystore only the current epoch's",
    { timeout: 300_000 },
    async () => {
      const { grove, home, secrets } = world()
      const call = { home, signal, entry }
      const sealed = join(state.directory, "file.kg")
      await expectKeygrove(["encrypt", join(state.directory, "words"), "--label", LABEL, "-o", sealed], call)
      await expectKeygrove(["decrypt", sealed, "-o", join(state.directory, "file")], call)
      const reader = String((await expectKeygrove(["id"], { home: grove.member("laptop").home, signal, entry })).answer["id"])
      await expectKeygrove(["grant", LABEL, "--to", reader, "-m", "1", "-n", "2", "--expires", "1d"], call)
      const [node = 0, keystore = 0] = await pids()
      expect(await findInProcess(node, secrets)).toEqual([])
      for (const member of grove.members) for (const pid of processTree(member.pid)) expect(await findInProcess(pid, secrets)).toEqual([])
      // It holds what it signs with; the scan would see the others too.
      expect(await findInProcess(keystore, secrets)).toEqual(["signing key"])
    },
  )

  test("after lock, nobody holds any", async () => {
    const { home, secrets } = world()
    const [node = 0, keystore = 0] = await pids()
    await expectKeygrove(["lock"], { home, signal, entry })
    await expect.poll(async () => (await pids()).includes(keystore)).toBe(false)
    expect(await findInProcess(node, secrets)).toEqual([])
  })
})
