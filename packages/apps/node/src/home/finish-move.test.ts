import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { Secret, unwrap } from "@keygrove/base"
import { nativePrimitives } from "@keygrove/curves-native"
import { decodeEpoch } from "@keygrove/hierarchy"
import { encodeGenesis, KEYSTORE_APPLICATION_ID, KEYSTORE_MIGRATIONS, SealedRecords } from "@keygrove/keystore"
import { openDatabase } from "@keygrove/sqlite"
import { systemRandom } from "@keygrove/system"
import { afterEach, beforeEach, expect, test } from "vitest"
import { foundNode, type FoundedNode } from "../../../../adapters/keystore/src/ceremony/found-node.ts"
import { nodeRecordValue, type NodeRecord } from "../../../../adapters/keystore/src/node-record.ts"
import { encodeConfig } from "./config.ts"
import { finishMove } from "./finish-move.ts"
import { readGenesis } from "./home-facts.ts"
import { homeOf, type Home } from "./home.ts"
import { lockHome } from "./instance-lock.ts"
import { moveNode } from "./move-node.ts"

let home: Home
let old: FoundedNode
let moved: FoundedNode
beforeEach(() => {
  home = homeOf(mkdtempSync(join(tmpdir(), "keygrove-finish-")))
  chmodSync(home.directory, 0o700)
  ;[old, moved] = [newNode(), newNode()]
  writeFileSync(home.genesis, encodeGenesis(old.genesis))
})
afterEach(() => {
  for (const { nodeSecret } of [old, moved]) nodeSecret[Symbol.dispose]()
  rmSync(home.directory, { recursive: true })
})

function newNode(): FoundedNode {
  using seed = Secret.take(systemRandom(64))
  return unwrap(foundNode(nativePrimitives, seed, "laptop"))
}

/** Leaves a keystore with one record. */
function store(record: NodeRecord): void {
  using database = unwrap(
    openDatabase({ path: home.keystore, applicationId: KEYSTORE_APPLICATION_ID, migrations: [...KEYSTORE_MIGRATIONS] }),
  )
  using secret = Secret.take(systemRandom(32))
  using records = unwrap(
    SealedRecords.create(database, { primitives: nativePrimitives, random: systemRandom }, { method: "key-file", secret }),
  )
  records.put({ id: "node", kind: "node", version: 1, open: nodeRecordValue(record) }, moved.nodeSecret)
}

const rekeyOf = ({ genesis }: FoundedNode): Uint8Array => genesis[2] ?? new Uint8Array(0)

test("a move that was cut off before the home's genesis is finished at the next start, once", () => {
  const entry = rekeyOf(moved)
  store({ ...moved.place, entry, predecessors: 1 })
  finishMove(home)
  expect(unwrap(readGenesis(home.genesis)).map((each) => Buffer.from(each))).toEqual([Buffer.from(entry)])
  const [announced = entry] = moved.genesis
  writeFileSync(home.genesis, encodeGenesis([announced, entry]))
  finishMove(home)
  expect(unwrap(readGenesis(home.genesis))).toHaveLength(2)
})

test.each([
  ["did not move", {}],
  ["has rekeyed since it moved", { predecessors: 1, epoch: 2 }],
  ["rekeys for the first time", { epoch: 2 }],
])(
  "nothing is changed in the home of a node that %s",
  (_what, { epoch = 1, ...changes }: { readonly epoch?: number; readonly predecessors?: number }) => {
    const before = readFileSync(home.genesis)
    const entry = epoch === 1 ? {} : { entry: rekeyOf(moved) }
    store({ ...moved.place, ...entry, ...changes, epoch: epoch === 1 ? moved.place.epoch : unwrap(decodeEpoch(epoch)) })
    finishMove(home)
    expect(readFileSync(home.genesis)).toEqual(before)
  },
)

test("a home without a keystore is for unlocking to refuse", () => {
  expect(() => finishMove(home)).not.toThrow()
})

test("a node that runs is not moved", async () => {
  const config = { version: 1, ledger: "embedded", listen: "/ip4/127.0.0.1/tcp/0", rpcPort: 0 } as const
  writeFileSync(home.config, encodeConfig(config))
  using _held = unwrap(lockHome(home))
  const sources = { passphraseSource: undefined, wordsSource: undefined }
  const refused = await moveNode(home.directory, { invitation: "", chain: [] }, sources, { signal: new AbortController().signal })
  expect(refused).toMatchObject({ code: "ALREADY_RUNNING" })
})
