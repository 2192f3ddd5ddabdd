import { randomBytes } from "node:crypto"
import { mkdir, writeFile } from "node:fs/promises"
import { join } from "node:path"
import { afterAll, beforeAll, describe, expect, test } from "vitest"
import { startGrove, type Grove } from "../../packages/apps/cli/src/grove/grove.ts"
import { hasToken, SOFT_HSM } from "../../packages/adapters/pkcs11/src/soft-hsm.fixture.ts"
import { entry } from "./bundle.ts"
import { firstDifference, type Stage } from "./transcript.ts"

/** Each transcript is a chapter of the documentation and runs here, in this order, on one grove. */
const chapters = [
  "init-up-down",
  "root",
  "node-tree",
  "node-recover",
  "status",
  "console",
  "id",
  "encrypt-decrypt",
  "proxy",
  "grant-revoke",
  "ledger",
  "key-add",
  "key-sign",
  "key-encrypt",
  "key-agree",
  "key-life",
  "key-backends",
  "audit",
  "ssh-agent",
  "rpc-user",
  "completion",
  "node-rekey",
  "pieces",
  "delegated-start",
  "meet",
  "root-rekey",
  "lock",
] as const

const state: { grove?: Grove; stage?: Stage } = {}

beforeAll(async () => {
  const grove = await startGrove(
    { nodes: ["laptop"], readers: ["bob"], proxies: ["proxy-1", "proxy-2", "proxy-3"], entry },
    new AbortController().signal,
  )
  state.grove = grove
  const directory = join(grove.directory, "stage")
  await mkdir(directory)
  await writeFile(join(directory, "key"), randomBytes(32), { mode: 0o600 })
  await writeFile(join(directory, "passphrase"), "correct horse battery staple\n", { mode: 0o600 })
  await writeFile(join(directory, "notes.txt"), "two lines\nof notes\n")
  await mkdir(join(directory, "away"))
  await mkdir(join(directory, "tokens"), { mode: 0o700 })
  const softHsm = join(directory, "softhsm2.conf")
  await writeFile(softHsm, `directories.tokendir = ${join(directory, "tokens")}\nobjectstore.backend = file\n`)
  const homes = Object.fromEntries(grove.members.map((member) => [member.name.toUpperCase().replace("-", "_"), member.home]))
  state.stage = {
    directory,
    variables: {
      ...homes,
      NEW: join(directory, "new"),
      MET: join(directory, "met"),
      KEYGROVE_HOME: join(directory, "nowhere"),
      SOFTHSM2_CONF: softHsm,
      SOFTHSM_MODULE: SOFT_HSM ?? "",
    },
  }
})

afterAll(async () => {
  await state.grove?.[Symbol.asyncDispose]()
})

describe("the command line does what its documentation shows", () => {
  test.for(chapters)("%s", async (chapter, context) => {
    context.skip(chapter === "key-backends" && !hasToken, "SoftHSM or the binding of PKCS #11 is missing")
    expect(await firstDifference(chapter, state.stage ?? { directory: ".", variables: {} })).toBeUndefined()
  })
})
