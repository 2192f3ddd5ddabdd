import { randomBytes } from "node:crypto"
import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { open } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { unwrap } from "@keygrove/base"
import { encodeInfo } from "@keygrove/crypto"
import { nativePrimitives } from "@keygrove/curves-native"
import { createSealing } from "@keygrove/hpke"
import { spawnKeystore, type KeystoreProcess } from "@keygrove/keystore"
import { moveNode, planRootRekey } from "@keygrove/node"
import type { Keystore } from "@keygrove/service"
import { systemRandom } from "@keygrove/system"
import { afterAll, describe, expect, test } from "vitest"
import type { BeforeAndAfter, Rekeying } from "../../../packages/service/src/ports/keystore-cast.contract.ts"
import { keystoreContract } from "../../../packages/service/src/ports/keystore.contract.ts"
import { bundle } from "../bundle.ts"
import { placeOf, prepareOn } from "./hold-rekey.ts"
import { isAlive, makeHome, type TestHome } from "./node-process.ts"
import { storeInEpoch } from "./store-in-epoch.ts"

const hpkeSealing = createSealing({ x25519: nativePrimitives.x25519, random: systemRandom })

const call = { signal: AbortSignal.timeout(600_000) }
const message = encodeInfo(["keygrove/v1/request"])
const stage = mkdtempSync(join(tmpdir(), "keygrove-keystore-"))
afterAll(() => rmSync(stage, { recursive: true, force: true }))
/** As many nodes as meet in one test; making one takes longer than all else here. */
const HOMES = 4
const homes: Promise<TestHome>[] = []
let opened = 0
/** Keystores that were copied for a rekey. */
let copies = 0

/** The keystore process of a node that a key file unlocks: of another node each time, and again of the first after the last. */
async function openProcess(): Promise<KeystoreProcess> {
  const index = opened++ % HOMES
  return await openHome(await (homes[index] ??= makeHome(stage, `n${index}`)))
}

async function openHome({ file, keyFile }: TestHome, epoch?: number): Promise<KeystoreProcess> {
  const [store, audit] = [file("keystore.db"), file("audit.db")]
  if (epoch === undefined) return await openStore({ store, audit, keyFile })
  return await openStore({ store: storeInEpoch(store, { keyFile, epoch, name: `${epoch}` }), audit: `${audit}-${epoch}`, keyFile })
}

async function openStore({
  audit,
  keyFile,
  store,
}: {
  readonly store: string
  readonly audit: string
  readonly keyFile: string
}): Promise<KeystoreProcess> {
  const args = [join(bundle, "keystore.mjs"), "serve", "--store", store, "--audit", audit, "--key-file", keyFile]
  return unwrap(await spawnKeystore({ command: process.execPath, args }, call))
}

/** The port with the life of its process: disposing of it ends the process. */
function asPort({ keystore, ...child }: KeystoreProcess): Keystore {
  const { acceptFragment, acceptRekey, beginRekey, finishRekey, generateFragments, labelPublicKey } = keystore
  const { openOriginal, openReencrypted, reencrypt, sign } = keystore
  return {
    state: () => keystore.state(),
    identity: () => keystore.identity(),
    pendingRekey: () => keystore.pendingRekey(),
    onRekey: (listener) => keystore.onRekey(listener),
    beginRekey,
    acceptRekey,
    finishRekey,
    acceptFragment,
    generateFragments,
    labelPublicKey,
    openOriginal,
    openReencrypted,
    reencrypt,
    sign,
    lock: async (options) => await keystore.lock(options),
    [Symbol.asyncDispose]: child[Symbol.asyncDispose],
  }
}

/** The process on a copy of a home's keystore in epoch 1, and the real ceremony on the same file. */
async function openToRekey({ file, keyFile }: TestHome): Promise<Rekeying> {
  const store = storeInEpoch(file("keystore.db"), { keyFile, epoch: 1, name: `rekeying-${++copies}` })
  const open = async (): Promise<Keystore> => asPort(await openStore({ store, audit: `${store}-audit`, keyFile }))
  const keystore = await open()
  return {
    keystore,
    reopen: open,
    prepare: async (exchange) => await prepareOn({ store, keyFile }, placeOf(keystore.identity()), exchange),
  }
}

/** A home as it was, and after the real ceremonies have replaced its root and moved it. */
async function openMoved(home: TestHome): Promise<BeforeAndAfter> {
  const { directory, file, keyFile } = home
  const before = await openStore({
    store: storeInEpoch(file("keystore.db"), { keyFile, epoch: 1, name: "before" }),
    audit: file("audit.db-before"),
    keyFile,
  })
  const { cluster, path } = before.keystore.identity()
  const [words, code] = [`${directory}.words`, `${directory}.code`]
  const order = { cluster, nodes: [path], ledger: "/ip4/127.0.0.1/tcp/1/p2p/x", wordsOut: `${directory}.new-words`, codeOut: code }
  const plan = await reading(words, async (wordsSource) => unwrap(await planRootRekey(order, { wordsSource }, call)))
  const { invitation = "" } = plan.invitations[0] ?? {}
  const move = { invitation, chain: [plan.replaced, ...plan.entries] }
  const moved = await reading(code, async (wordsSource) =>
    unwrap(await moveNode(directory, move, { passphraseSource: undefined, wordsSource, keyFile }, call)),
  )
  const after = await openHome(home)
  expect(after.keystore.identity()).toEqual(moved.identity)
  return { before: asPort(before), after: asPort(after) }
}

/** Gives a descriptor of a file to whoever reads it. */
async function reading<T>(path: string, use: (descriptor: number) => Promise<T>): Promise<T> {
  await using file = await open(path)
  return await use(file.fd)
}

keystoreContract("a process of its own", {
  primitives: nativePrimitives,
  sealing: hpkeSealing,
  random: systemRandom,
  open: async () => asPort(await openProcess()),
  openBeforeAndAfter: async () => {
    const home = await makeHome(stage, "rekeyed")
    return { before: asPort(await openHome(home)), after: asPort(await openHome(home, 3)) }
  },
  openMoved: async () => await openMoved(await makeHome(stage, "moved")),
  openToRekey: async () => await openToRekey(await (homes[0] ??= makeHome(stage, "n0"))),
})

describe("the keystore process", () => {
  test("killed, it ends every call with KEYSTORE_GONE, also those under way", async () => {
    await using child = await openProcess()
    const { keystore, pid } = child
    const underWay = Array.from({ length: 50 }, async () => await keystore.sign("message", message, call))
    process.kill(pid, "SIGKILL")
    for (const each of await Promise.all(underWay)) if (!each.ok) expect(each.code).toBe("KEYSTORE_GONE")
    await keystore.ended
    expect(keystore.state()).toBe("gone")
    expect(await keystore.sign("message", message, call)).toMatchObject({ code: "KEYSTORE_GONE" })
    expect(await keystore.lock(call)).toMatchObject({ code: "KEYSTORE_GONE" })
  })

  test.each(["lock", "disposal"] as const)("ends by %s", async (by) => {
    await using child = await openProcess()
    expect(isAlive(child.pid)).toBe(true)
    if (by === "lock") unwrap(await child.keystore.lock(call))
    await child[Symbol.asyncDispose]()
    expect(isAlive(child.pid)).toBe(false)
  })

  test("answers signatures while it makes many fragments", async () => {
    await using child = await openProcess()
    const { keystore } = child
    const { encryptionKey, epoch, sealingKey, signingKey } = keystore.identity().keys
    const recipients = Array.from({ length: 30 }, () => ({ signingKey, sealingKey }))
    const policy = { label: "photos", epoch, policyId: randomBytes(32), readerKey: encryptionKey, threshold: 30, recipients }
    const order: string[] = []
    const underWay = Promise.all(
      Array.from({ length: 20 }, async () => {
        const fragments = unwrap(await keystore.generateFragments(policy, call))
        order.push("fragments")
        return fragments.length
      }),
    )
    for (let round = 0; round < 10; round++) {
      unwrap(await keystore.sign("message", message, call))
      order.push("signed")
    }
    expect(await underWay).toEqual(Array.from({ length: 20 }, () => 30))
    // Ten signatures have come before half of the 600 fragments were made.
    expect(order.slice(0, 20).filter((each) => each === "signed")).toHaveLength(10)
  })

  test("does not start with another key file, and says so", async () => {
    const home = await (homes[0] ??= makeHome(stage, "n0"))
    const wrong = join(stage, "wrong.key")
    writeFileSync(wrong, randomBytes(32), { mode: 0o600 })
    const args = [
      join(bundle, "keystore.mjs"),
      "serve",
      "--store",
      home.file("keystore.db"),
      "--audit",
      home.file("audit.db"),
      "--key-file",
      wrong,
    ]
    expect(await spawnKeystore({ command: process.execPath, args }, call)).toMatchObject({ code: "KEYSTORE_KEY_FILE_WRONG" })
  })
})
