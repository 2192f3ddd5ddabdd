import { writeFileSync } from "node:fs"
import { join } from "node:path"
import { DatabaseSync } from "node:sqlite"
import { Secret, toHex, unwrap } from "@keygrove/base"
import { nativePrimitives } from "@keygrove/curves-native"
import {
  decodeEpoch,
  decodeGeneration,
  decodeNodePath,
  deriveEpoch,
  deriveEpochSecret,
  epochKeys,
  expandEpoch,
  type NodePlace,
} from "@keygrove/hierarchy"
import { emptyLedger, findNode, foldEntry, type FoldedLedger } from "@keygrove/ledger"
import type { RekeyExchange } from "@keygrove/service"
import { systemRandom } from "@keygrove/system"
import { afterAll, afterEach, beforeEach, describe, expect, test } from "vitest"
import type { KeystoreEngine } from "../engine.ts"
import { KEY_FILE_BYTES } from "../key-encryption.ts"
import { MAX_EPOCHS_AT_HAND } from "../node-secrets.ts"
import { RUN_MIGRATIONS } from "../run-store.ts"
import { KEYSTORE_MIGRATIONS } from "../sealed-records.ts"
import { unlockKeystore } from "../unlock.ts"
import { ceremonyTools, makeCeremonyStage } from "./ceremony-kit.contract.ts"
import { foundNode, type FoundedNode } from "./found-node.ts"
import { rekeyEntry } from "./prepare-rekey.ts"
import { holdRekey, type RekeyOrder } from "./rekey.ts"
import { storeNode } from "./store-node.ts"

const tools = ceremonyTools
const call = { signal: new AbortController().signal }
const stage = makeCeremonyStage()
afterAll(() => stage[Symbol.dispose]())
const { directory, keyBytes, unlock } = stage

const inEpoch = (place: NodePlace, epoch: number): NodePlace => ({ ...place, epoch: unwrap(decodeEpoch(epoch)) })

let node: FoundedNode
let store: DatabaseSync
beforeEach(() => {
  using seed = Secret.take(systemRandom(64))
  node = unwrap(foundNode(nativePrimitives, seed, "laptop"))
  store = storeOf(1)
})
afterEach(() => {
  node.nodeSecret[Symbol.dispose]()
  store.close()
})

/** The node's keystore as it was made or recovered in an epoch. */
function storeOf(epoch: number): DatabaseSync {
  const database = new DatabaseSync(":memory:")
  for (const sql of [...KEYSTORE_MIGRATIONS, ...RUN_MIGRATIONS]) database.exec(sql)
  using secret = Secret.take(Uint8Array.from(keyBytes))
  const { nodeSecret, place } = node
  unwrap(storeNode(database, tools, { method: "key-file", secret }, { place: inEpoch(place, epoch), nodeSecret }))
  return database
}

/** What a start of the keystore process finds. */
function start(database: DatabaseSync = store): KeystoreEngine {
  using secret = Secret.take(Uint8Array.from(keyBytes))
  const { keystore, vaultSecrets } = unwrap(unlockKeystore(database, tools, { method: "key-file", secret }))
  vaultSecrets[Symbol.dispose]()
  return keystore
}

const hold = async (epoch: number, changes: Partial<RekeyOrder> = {}, database = store): ReturnType<typeof holdRekey> =>
  await holdRekey(database, tools, { place: inEpoch(node.place, epoch), unlock, ...changes }, call)

const epochsOf = (keystore: KeystoreEngine): readonly (number | undefined)[] => [
  keystore.identity().keys.epoch,
  keystore.pendingRekey()?.keys.epoch,
]

const recordOf = (database: DatabaseSync): string => {
  const row = database.prepare("SELECT open, sealed FROM record").get()
  return JSON.stringify(Object.values(row ?? {}).map((each) => (each instanceof Uint8Array ? toHex(each) : each)))
}

describe("at each point where it can be cut off", () => {
  test("before its one write nothing has happened", async () => {
    store.exec("CREATE TRIGGER full BEFORE UPDATE ON record BEGIN SELECT RAISE(ABORT, 'disk full'); END")
    const before = recordOf(store)
    await expect(hold(1)).rejects.toThrow("disk full")
    expect(recordOf(store)).toBe(before)
    await using keystore = start()
    expect(epochsOf(keystore)).toEqual([1, undefined])
  })

  test("after it the keystore starts in the old epoch, knows the next, and goes on when it is told that it counts", async () => {
    const { entry } = unwrap(await hold(1))
    await using keystore = start()
    expect(epochsOf(keystore)).toEqual([1, 2])
    expect(keystore.pendingRekey()?.entry).toEqual(entry)
    unwrap(await keystore.finishRekey(call))
    expect(epochsOf(keystore)).toEqual([2, undefined])
    // The record does not say whether the ledger has it: each later start asks again.
    await using again = start()
    expect(epochsOf(again)).toEqual([1, 2])
  })

  test("when its answer was lost it is held again: the same epoch for another exchange, and the record stays", async () => {
    await using keystore = start()
    const lost = unwrap(await hold(1, { exchange: unwrap(await keystore.beginRekey(call)) }))
    const record = recordOf(store)
    const { entry, sealed } = unwrap(await hold(1, { exchange: unwrap(await keystore.beginRekey(call)) }))
    expect([entry, recordOf(store)]).toEqual([lost.entry, record])
    if (sealed === undefined) throw new TypeError("what an exchange asks for is sealed to it")
    unwrap(await keystore.acceptRekey({ entry, sealed }, call))
    unwrap(await keystore.finishRekey(call))
    expect(epochsOf(keystore)).toEqual([2, undefined])
  })
})

describe("what it prepares", () => {
  test("stands on the ledger epoch after epoch, each statement following from the node's secret alone", async () => {
    let ledger: FoldedLedger = emptyLedger()
    const add = (entry: Uint8Array): string => {
      const folded = unwrap(foldEntry(nativePrimitives, ledger, entry))
      ledger = folded.ledger
      return folded.judged.verdict.kind
    }
    expect(node.genesis.map(add)).toEqual(["applied", "applied", "applied"])
    for (const epoch of [1, 2, 3, 4]) {
      const { entry } = unwrap(await hold(epoch))
      expect([add(entry), add(entry)]).toEqual(["applied", "void"])
      expect(findNode(ledger.state, node.place)?.keys?.epoch).toBe(epoch + 1)
    }
    // A keystore that was recovered has no earlier statement.
    using recovered = storeOf(5)
    const { entry } = unwrap(await hold(5, {}, recovered))
    expect(entry).toEqual(rekeyEntry(nativePrimitives, node.nodeSecret, inEpoch(node.place, 6)))
    expect(add(entry)).toBe("applied")
  })

  test("of a store from an older backup, which does not run, is the epoch after the ledger's", async () => {
    expect(unwrap(await hold(3)).epoch).toBe(4)
    await using keystore = start()
    expect(epochsOf(keystore)).toEqual([3, 4])
  })

  test("cannot be predicted from what the epoch before has", () => {
    const { nodeSecret } = node
    const [first, second] = [unwrap(decodeEpoch(1)), unwrap(decodeEpoch(2))]
    using old = deriveEpoch(nativePrimitives, nodeSecret, first)
    using oldSecret = deriveEpochSecret(nativePrimitives, nodeSecret, first)
    using next = deriveEpoch(nativePrimitives, nodeSecret, second)
    const keys = JSON.stringify(
      Object.values(epochKeys(nativePrimitives, next))
        .filter((key) => typeof key !== "number")
        .map(toHex),
    )
    for (const known of [oldSecret, old.signing, old.encryption, old.delegation, old.sealing, old.storage, old.labels]) {
      using derived = deriveEpoch(nativePrimitives, known, second)
      using expanded = expandEpoch(nativePrimitives, known, second)
      for (const guess of [derived, expanded])
        for (const key of Object.values(epochKeys(nativePrimitives, guess)))
          if (typeof key !== "number") expect(keys).not.toContain(toHex(key))
    }
  })
})

describe("is refused, and nothing is written,", () => {
  const refused = async (epoch: number, changes: Partial<RekeyOrder>, code: string): Promise<void> => {
    const before = recordOf(store)
    expect(await hold(epoch, changes)).toMatchObject({ ok: false, code })
    expect(recordOf(store)).toBe(before)
  }

  test("to who asks without the keys of the epoch, or with those of another", async () => {
    await using keystore = start()
    const { exchangeKey, signature } = unwrap(await keystore.beginRekey(call))
    const other = unwrap(await keystore.beginRekey(call))
    const forged: readonly RekeyExchange[] = [
      { exchangeKey, signature: new Uint8Array(64) },
      { exchangeKey: other.exchangeKey, signature },
      { exchangeKey: new Uint8Array(32), signature },
    ]
    for (const exchange of forged) await refused(1, { exchange }, "REKEY_EXCHANGE_INVALID")
  })

  test("for another node, generation or epoch than the store has", async () => {
    const { place } = node
    await refused(1, { place: { ...place, path: unwrap(decodeNodePath("/phone")) } }, "KEYSTORE_RECORD_CORRUPT")
    await refused(1, { place: { ...place, generation: unwrap(decodeGeneration(2)) } }, "KEYSTORE_RECORD_CORRUPT")
    await using keystore = start()
    const exchange = unwrap(await keystore.beginRekey(call))
    await refused(2, { exchange }, "REKEY_EXCHANGE_INVALID")
    store.close()
    store = storeOf(3)
    await refused(1, {}, "REKEY_EXCHANGE_INVALID")
  })

  test("in the last epoch that can be kept at hand", async () => {
    store.close()
    store = storeOf(MAX_EPOCHS_AT_HAND)
    await refused(MAX_EPOCHS_AT_HAND, {}, "REKEY_EPOCHS_EXHAUSTED")
    await using keystore = start()
    expect(await keystore.beginRekey(call)).toMatchObject({ code: "REKEY_EPOCHS_EXHAUSTED" })
  })

  test("with another key file", async () => {
    const wrong = join(directory, "wrong")
    writeFileSync(wrong, systemRandom(KEY_FILE_BYTES), { mode: 0o600 })
    await refused(1, { unlock: { kind: "key-file", path: wrong } }, "KEYSTORE_KEY_FILE_WRONG")
  })
})
