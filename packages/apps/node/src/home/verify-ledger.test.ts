import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { DatabaseSync } from "node:sqlite"
import { concatBytes, toHex, unwrap } from "@keygrove/base"
import {
  emptyDigest,
  emptyHead,
  emptyLedger,
  encodeSnapshot,
  encodeSnapshotHead,
  foldEntry,
  KeyChainIndex,
  nextDigest,
  snapshotHeadSignBytes,
  type LedgerSnapshot,
} from "@keygrove/ledger"
import { EmbeddedLedgerEngine } from "@keygrove/sqlite"
import { afterEach, beforeEach, expect, test } from "vitest"
import {
  clusterEntry,
  kitChild,
  kitKey,
  kitPrimitives,
  kitRoot,
  kitSeed,
  nodeEntry,
  rekeyEntry,
  signingName,
  termsEntry,
} from "../../../../core/ledger/src/ledger-kit.contract.ts"
import { verifyLedger } from "./verify-ledger.ts"

const call = { signal: AbortSignal.timeout(600_000) }
const root = kitRoot("verified")
const laptop = kitChild(root, "/laptop")
// The last but one has no effect any more.
const log = [
  clusterEntry(root),
  nodeEntry(root, laptop),
  rekeyEntry(laptop, 1),
  ...[1, 3, 2, 4].map((revision) => termsEntry(laptop, 1, revision)),
]
let home = ""
let seen: string[] = []

beforeEach(async () => {
  home = mkdtempSync(join(tmpdir(), "keygrove-verify-"))
  seen = []
  await using file = unwrap(EmbeddedLedgerEngine.open({ path: join(home, "ledger.db"), primitives: kitPrimitives }))
  unwrap(await file.append(log, emptyHead(), call))
  writeFileSync(join(home, "config.json"), "{}")
})
afterEach(() => rmSync(home, { recursive: true }))

const verify = async (expected = {}): ReturnType<typeof verifyLedger> =>
  await verifyLedger({ home, onProgress: (done, total) => seen.push(`${done}/${total}`), ...expected }, call)

function foldOf(entries: readonly Uint8Array[]): LedgerSnapshot {
  const chains = new KeyChainIndex()
  let ledger = emptyLedger()
  for (const bytes of entries) {
    const step = unwrap(foldEntry(kitPrimitives, ledger, bytes))
    chains.take(kitPrimitives, step)
    ledger = step.ledger
  }
  return { ...ledger, keyChains: chains.copy() }
}

/** Puts a snapshot into the file as its node would. */
async function keep(snapshot: LedgerSnapshot): Promise<void> {
  await using file = unwrap(EmbeddedLedgerEngine.open({ path: join(home, "ledger.db"), primitives: kitPrimitives }))
  const bytes = concatBytes(...encodeSnapshot(snapshot))
  const author = { cluster: laptop.cluster, path: laptop.path, key: kitKey(signingName(laptop, 1)) }
  const unsigned = { ...snapshot.head, chunks: 1, digest: nextDigest(kitPrimitives, emptyDigest(), bytes), author }
  using seed = kitSeed(signingName(laptop, 1))
  const signature = kitPrimitives.ed25519.sign(seed, snapshotHeadSignBytes(unsigned))
  unwrap(await file.snapshots.putChunk(snapshot.head.length, 0, bytes, call))
  unwrap(await file.snapshots.putHead(snapshot.head.length, encodeSnapshotHead({ ...unsigned, signature }), call))
}

function change(sql: string): void {
  const database = new DatabaseSync(join(home, "ledger.db"))
  database.exec(sql)
  database.close()
}

test("counts entries, signatures and what has no effect, and tells how far it is", async () => {
  const verified = unwrap(await verify())
  expect(verified).toEqual({ head: foldOf(log).head, voids: 1, signatures: 8 })
  expect(seen).toEqual(["7/7"])
})

test("goes through the head that was expected, and no other", async () => {
  const before = foldOf(log.slice(0, 4)).head
  expect(unwrap(await verify({ expected: before })).head.length).toBe(7)
  const other = { ...before, hash: new Uint8Array(32) }
  expect(await verify({ expected: other })).toMatchObject({ code: "LEDGER_FORKED", message: expect.stringContaining(toHex(before.hash)) })
  expect(await verify({ expected: { ...before, length: foldOf([...log, termsEntry(laptop, 1, 5)]).head.length } })).toMatchObject({
    code: "LEDGER_FORKED",
  })
})

test("finds a changed entry, and a head that is not that of the entries", async () => {
  change("UPDATE entry SET head = zeroblob(32) WHERE position = 6")
  expect(await verify()).toMatchObject({ code: "LEDGER_FORKED" })
  change("UPDATE entry SET bytes = x'a0' WHERE position = 4")
  expect(await verify()).toMatchObject({ code: "LEDGER_CORRUPT", data: { index: 4 } })
})

test("confirms a snapshot that is the fold", async () => {
  await keep(foldOf(log.slice(0, 5)))
  expect(unwrap(await verify()).snapshot).toBe(5)
})

test("finds a snapshot that is not what the entries say", async () => {
  const { head, keyChains, state } = foldOf(log.slice(0, 5))
  const cluster = state.clusters.get(root.cluster)
  const node = cluster?.nodes.get("/laptop")
  if (cluster === undefined || node === undefined) throw new TypeError("the laptop is on the ledger")
  const { terms: _terms, ...silent } = node
  const lied = { ...state, clusters: state.clusters.set(root.cluster, { ...cluster, nodes: cluster.nodes.set("/laptop", silent) }) }
  await keep({ head, keyChains, state: lied })
  expect(await verify()).toMatchObject({
    code: "SNAPSHOT_INVALID",
    message: expect.stringContaining("/laptop signed is not what the entries say"),
  })
})

test("says so when there is nothing, or nothing whole, to verify", async () => {
  change("UPDATE entry SET bytes = x'' WHERE position < 5")
  expect(await verify()).toMatchObject({ code: "LEDGER_PRUNED" })
  rmSync(join(home, "ledger.db"))
  expect(await verify()).toMatchObject({ code: "LEDGER_EMPTY" })
})
