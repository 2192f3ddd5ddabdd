import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { Secret, unwrap } from "@keygrove/base"
import { nativePrimitives } from "@keygrove/curves-native"
import { decodeEpoch, encodeIdentity, type NodePlace } from "@keygrove/hierarchy"
import { createSealing } from "@keygrove/hpke"
import { encodeGenesis, foundNode, unlockNode, type FoundedNode } from "@keygrove/keystore"
import { holdRekey } from "@keygrove/keystore/ceremony"
import { openDatabase, EmbeddedLedgerEngine } from "@keygrove/sqlite"
import { systemRandom } from "@keygrove/system"
import { afterEach, beforeEach, expect, test } from "vitest"
import { storeNode } from "../../../../adapters/keystore/src/ceremony/store-node.ts"
import { kitChild, kitRoot, termsEntry } from "../../../../core/ledger/src/ledger-kit.contract.ts"
import { keystoreFile } from "../keystore/keystore-files.ts"
import { readHomeEpoch } from "./home-epoch.ts"
import { homeOf } from "./home.ts"
import { standingPlace } from "./rekey.ts"
import { writeDurably } from "./make-home.ts"
import { encodeConfig } from "./config.ts"

const tools = {
  primitives: nativePrimitives,
  sealing: createSealing({ x25519: nativePrimitives.x25519, random: systemRandom }),
  random: systemRandom,
}
const call = { signal: new AbortController().signal }
const keyBytes = systemRandom(32)
let directory: string
let keyFile: string
let node: FoundedNode

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "keygrove-home-"))
  keyFile = join(directory, "key")
  writeFileSync(keyFile, keyBytes, { mode: 0o600 })
  using seed = Secret.take(systemRandom(64))
  node = unwrap(foundNode(nativePrimitives, seed, "laptop"))
  const home = homeOf(directory)
  writeDurably(home.genesis, encodeGenesis(node.genesis))
  writeDurably(home.config, Buffer.from(encodeConfig({ version: 1, ledger: "embedded", listen: "/ip4/127.0.0.1/tcp/0", rpcPort: 0 })))
  using secret = Secret.take(Uint8Array.from(keyBytes))
  using database = unwrap(openDatabase(keystoreFile(home.keystore)))
  unwrap(storeNode(database, tools, { method: "key-file", secret }, node))
})
afterEach(() => {
  node.nodeSecret[Symbol.dispose]()
  rmSync(directory, { recursive: true })
})

const inEpoch = (number: number): NodePlace => ({ ...node.place, epoch: unwrap(decodeEpoch(number)) })

/** `kg1…` of the node in an epoch. */
function idOf(number: number): string {
  using unlocked = unlockNode(nativePrimitives, node.nodeSecret, inEpoch(number))
  const { cluster, keys } = unlocked.identity
  return encodeIdentity({ encryptionKey: keys.encryptionKey, signingKey: keys.signingKey, cluster })
}

async function prepare(from: number): Promise<Uint8Array> {
  using database = unwrap(openDatabase(keystoreFile(homeOf(directory).keystore)))
  const order = { place: inEpoch(from), unlock: { kind: "key-file", path: keyFile } } as const
  return unwrap(await holdRekey(database, tools, order, call)).entry
}

async function append(...entries: readonly Uint8Array[]): Promise<void> {
  await using engine = unwrap(EmbeddedLedgerEngine.open({ path: homeOf(directory).ledger, primitives: nativePrimitives }))
  for (let from = 0; from < entries.length; from += 64)
    unwrap(await engine.append(entries.slice(from, from + 64), await engine.head(call), call))
}

test("a home that never ran has the keys that it was made with, and no ledger is made", async () => {
  expect(await readHomeEpoch(directory, call)).toEqual({ ok: true, value: { epoch: 1, id: idOf(1), prepared: null } })
  await prepare(1)
  expect(await readHomeEpoch(directory, call)).toEqual({ ok: true, value: { epoch: 1, id: idOf(1), prepared: 2 } })
})

test("what is prepared counts when the home's ledger has it, however much comes after", async () => {
  await append(...node.genesis)
  const second = await prepare(1)
  expect(await readHomeEpoch(directory, call)).toMatchObject({ value: { epoch: 1, prepared: 2 } })
  expect(await standingPlace(directory, call)).toEqual({ ok: true, value: inEpoch(1) })
  const other = kitChild(kitRoot("other"), "/other")
  await append(second, ...Array.from({ length: 300 }, (_, index) => termsEntry(other, 1, index + 1)))
  expect(await readHomeEpoch(directory, call)).toEqual({ ok: true, value: { epoch: 2, id: idOf(2), prepared: null } })
  expect(await standingPlace(directory, call)).toEqual({ ok: true, value: inEpoch(2) })
  await append(await prepare(2))
  expect(await readHomeEpoch(directory, call)).toEqual({ ok: true, value: { epoch: 3, id: idOf(3), prepared: null } })
})

test("a node that its ledger does not have is prepared for nothing", async () => {
  expect(await standingPlace(directory, call)).toMatchObject({ code: "NODE_NOT_ON_LEDGER" })
  rmSync(homeOf(directory).keystore)
  expect(await readHomeEpoch(directory, call)).toMatchObject({ code: "KEYSTORE_EMPTY" })
  expect(await standingPlace(directory, call)).toMatchObject({ code: "KEYSTORE_EMPTY" })
})
