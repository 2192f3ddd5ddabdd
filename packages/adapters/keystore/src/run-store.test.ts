import { copyFileSync, existsSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { DatabaseSync } from "node:sqlite"
import { Secret, unwrap } from "@keygrove/base"
import { decodeEpoch, deriveAnchor, deriveEpoch, deriveVault, epochKeys, type NodePlace } from "@keygrove/hierarchy"
import { decodeKeyGeneration } from "@keygrove/pieces"
import { afterAll, beforeEach, describe, expect, test } from "vitest"
import { ceremonyTools, makeCeremonyStage } from "./ceremony/ceremony-kit.contract.ts"
import { foundNode, type FoundedNode } from "./ceremony/found-node.ts"
import { storeNode } from "./ceremony/store-node.ts"
import { MAX_EPOCHS_AT_HAND, unlockNode, type Predecessor, type UnlockedNode } from "./node-secrets.ts"
import { RunKeeper } from "./run-keeper.ts"
import { MAX_SLOTS, RUN_MIGRATIONS, RunStore, type SlotKey } from "./run-store.ts"
import { runSecretParts } from "./run-secrets.ts"
import { KEYSTORE_MIGRATIONS } from "./sealed-records.ts"
import { StorageVault } from "./storage-vault.ts"

const { primitives, random } = ceremonyTools
const tools = { primitives, random }
const stage = makeCeremonyStage()
afterAll(() => stage[Symbol.dispose]())
const tokenNamespace = new Uint8Array(8).fill(4)
let made = 0

function newNode(): FoundedNode {
  using seed = Secret.take(random(64))
  return unwrap(foundNode(primitives, seed, "node"))
}

/** A store on the disk, and the keeper of a node in some epoch. */
class Stored {
  readonly path: string = join(stage.directory, `store-${made++}.db`)
  readonly database: DatabaseSync = new DatabaseSync(this.path)
  readonly store: RunStore
  readonly node: UnlockedNode
  readonly keeper: RunKeeper

  constructor(founded: FoundedNode = newNode(), epoch = 1, predecessors: readonly Predecessor[] = []) {
    this.database.exec("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL")
    for (const sql of [...KEYSTORE_MIGRATIONS, ...RUN_MIGRATIONS]) this.database.exec(sql)
    const { nodeSecret, place } = founded
    using secret = Secret.take(Uint8Array.from(stage.keyBytes))
    unwrap(storeNode(this.database, tools, { method: "key-file", secret }, { place, nodeSecret }))
    this.store = new RunStore(this.database, tools)
    this.node = unlockNode(primitives, nodeSecret, inEpoch(place, epoch), predecessors)
    this.keeper = new RunKeeper(this.store, { secrets: deriveVault(primitives, nodeSecret), facts: { tokenNamespace } })
  }

  add(slot: SlotKey): void {
    unwrap(this.keeper.addSlot(slot, this.node.state))
  }

  /** Everything that is sealed in the tables. */
  sealed(): readonly Uint8Array[] {
    const columns = ["SELECT sealed FROM run_secret", "SELECT sealed FROM run_slot", "SELECT key AS sealed FROM run_slot"]
    return columns
      .flatMap((sql) => this.database.prepare(sql).all())
      .flatMap(({ sealed }) => (sealed instanceof Uint8Array ? [sealed] : []))
  }
}

const inEpoch = (place: NodePlace, epoch: number): NodePlace => ({ ...place, epoch: unwrap(decodeEpoch(epoch)) })

function slotOf(number: number): SlotKey {
  const storageKey = Secret.take(new Uint8Array(32).fill(number))
  const publicKey = primitives.curve.encodePoint(primitives.curve.basePointTimesSecret(storageKey))
  return { generation: unwrap(decodeKeyGeneration(number)), publicKey, storageKey }
}

/** What pieces would find. */
function openedBy({ store }: Stored, slot: SlotKey): ReturnType<RunStore["open"]> {
  const runKey = store.keyBySlot(slot)
  const found = unwrap(store.find())
  if (!runKey.ok) throw new TypeError(runKey.message)
  if (found === undefined) throw new TypeError("there is a run record")
  using key = runKey.value
  return store.open(key, found)
}

const bytesOf = (secret: Secret): string => secret.expose((bytes) => Buffer.from(bytes).toString("hex"))

/** All secrets of a node, in words that can be compared. */
function contentOf({ earlier, identity, next, predecessors, secrets }: UnlockedNode["state"]): unknown {
  const all = [secrets, ...earlier, ...predecessors.flatMap(({ epochs }) => epochs), ...(next === undefined ? [] : [next.secrets])]
  const spelled = all.map((bundle) =>
    Object.entries(bundle)
      .map(([name, value]) => `${name} ${value instanceof Secret ? bytesOf(value) : String(value)}`)
      .filter((line) => !line.includes("=>"))
      .toSorted(),
  )
  return { identity, spelled, places: predecessors.map(({ place }) => place), rekey: next?.rekey }
}

let stored: Stored
beforeEach(() => {
  stored = new Stored()
})

describe("a run record", () => {
  test.each([1, 2, 33, 34, 66, MAX_EPOCHS_AT_HAND])("of epoch %i gives back all that was in memory", (epoch) => {
    const many = new Stored(newNode(), epoch)
    many.add(slotOf(1))
    const { node, vaultSecrets } = unwrap(openedBy(many, slotOf(1)))
    expect(contentOf(node.state)).toEqual(contentOf(many.node.state))
    expect(Object.keys(vaultSecrets).toSorted()).toEqual(["authentication", "derivation", "sealing"])
  })

  test("has what predecessors left, as much of it as is at hand", () => {
    const [old, older] = [newNode(), newNode()]
    const was = ({ nodeSecret, place }: FoundedNode, epoch: number): Predecessor => ({ nodeSecret, place: inEpoch(place, epoch) })
    const moved = new Stored(newNode(), 3, [was(old, 40), was(older, 1_000)])
    moved.add(slotOf(1))
    const { node } = unwrap(openedBy(moved, slotOf(1)))
    expect(contentOf(node.state)).toEqual(contentOf(moved.node.state))
    expect(node.predecessors.map(({ epochs }) => epochs.length)).toEqual([40, MAX_EPOCHS_AT_HAND - 3 - 40])
  })

  test.each([
    ["open part", "UPDATE run_record SET open = x'a0'"],
    ["a secret", "UPDATE run_secret SET sealed = zeroblob(length(sealed)) WHERE part = 1"],
    ["the order of secrets", "UPDATE run_secret SET part = part + 10; UPDATE run_secret SET part = 12 - part"],
    ["a missing secret", "DELETE FROM run_secret WHERE part = 1"],
    ["one more secret", "INSERT INTO run_secret SELECT 5, sealed FROM run_secret WHERE part = 1"],
  ])("that was changed (%s) does not open, and the passphrase mends it", (_what, sql) => {
    const many = new Stored(newNode(), 60)
    many.add(slotOf(1))
    many.database.exec(sql)
    const found = many.store.find()
    expect(found.ok ? openedBy(many, slotOf(1)) : found).toMatchObject({ code: "KEYSTORE_RECORD_CORRUPT" })
    many.keeper.keep(many.node.state)
    expect(contentOf(unwrap(openedBy(many, slotOf(1))).node.state)).toEqual(contentOf(many.node.state))
  })

  test("has neither the node's secret, nor its anchor, nor anything of a later epoch", () => {
    const founded = newNode()
    const { node } = new Stored(founded, 3)
    using anchor = deriveAnchor(primitives, founded.nodeSecret)
    using later = deriveEpoch(primitives, founded.nodeSecret, unwrap(decodeEpoch(4)))
    const absent = [founded.nodeSecret, anchor.seed, ...Object.values(later).filter((each) => each instanceof Secret)].map(bytesOf)
    const joined: string[] = []
    for (const part of runSecretParts(node.state, deriveVault(primitives, founded.nodeSecret))) joined.push(bytesOf(part))
    expect([joined.length, absent.length, joined.join("").length]).toEqual([2, 8, 2 * 32 * (9 + 8)])
    for (const secret of absent) expect(joined.join("")).not.toContain(secret)
    expect(joined.join("")).toContain(bytesOf(node.secrets.signing))
  })

  test("does not open in another store, nor with the slot of another", () => {
    const other = new Stored()
    stored.add(slotOf(1))
    other.add(slotOf(1))
    other.database.exec(`ATTACH '${stored.path}' AS first`)
    for (const table of ["run_record", "run_secret", "run_slot"])
      other.database.exec(`DELETE FROM main.${table}; INSERT INTO main.${table} SELECT * FROM first.${table}`)
    expect(other.store.keyBySlot(slotOf(1))).toMatchObject({ code: "SLOT_UNKNOWN" })
    expect(stored.store.keyBySlot(slotOf(2))).toMatchObject({ code: "SLOT_UNKNOWN" })
    expect(stored.store.keyBySlot({ ...slotOf(1), storageKey: slotOf(2).storageKey })).toMatchObject({ code: "SLOT_UNKNOWN" })
  })
})

describe("at each point where it can be cut off", () => {
  const FULL = "BEGIN SELECT RAISE(ABORT, 'disk full'); END"
  const points = [
    ["run_record", "INSERT"],
    ["run_secret", "INSERT"],
    ["run_slot", "UPDATE"],
    ["run_slot", "INSERT"],
  ] as const

  test.each(points)("the first slot is there or nothing is: %s", (table, change) => {
    stored.database.exec(`CREATE TRIGGER full BEFORE ${change} ON ${table} ${FULL}`)
    expect(() => stored.add(slotOf(1))).toThrow("disk full")
    expect([stored.keeper.slots(), unwrap(stored.store.find()), stored.sealed()]).toEqual([[], undefined, []])
    stored.database.exec("DROP TRIGGER full")
    stored.add(slotOf(1))
    unwrap(openedBy(stored, slotOf(1)))
  })

  test.each(points)("another slot leaves the first as it was: %s", (table, change) => {
    stored.add(slotOf(1))
    const before = stored.sealed()
    stored.database.exec(`CREATE TRIGGER full BEFORE ${change} ON ${table} ${FULL}`)
    expect(() => stored.add(slotOf(2))).toThrow("disk full")
    expect(stored.sealed()).toEqual(before)
    unwrap(openedBy(stored, slotOf(1)))
  })

  test.each(points.slice(0, 3))("a change of the node is in it whole or not at all: %s", (table, change) => {
    stored.add(slotOf(1))
    const before = stored.sealed()
    stored.database.exec(`CREATE TRIGGER full BEFORE ${change} ON ${table} ${FULL}`)
    expect(() => stored.keeper.keep(stored.node.state)).toThrow("disk full")
    expect(stored.sealed()).toEqual(before)
  })

  test("slots that go are all there or all gone", () => {
    stored.add(slotOf(1))
    stored.add(slotOf(2))
    stored.database.exec(`CREATE TRIGGER full BEFORE DELETE ON run_record ${FULL}`)
    expect(() => stored.keeper.keepSlots([], stored.node.state)).toThrow("disk full")
    expect(stored.keeper.slots()).toHaveLength(2)
    unwrap(openedBy(stored, slotOf(2)))
  })
})

describe("what is over", () => {
  /** The sealed values of which bytes are left in the files of a store. */
  const tracesOf = ({ path }: Stored, values: readonly Uint8Array[]): readonly Uint8Array[] => {
    const files = [path, `${path}-wal`].filter(existsSync).map((file) => readFileSync(file))
    return values.filter((value) => files.some((file) => file.includes(Buffer.from(value.subarray(24, 40)))))
  }

  test("is overwritten on the disk: records that others replaced, slots that are not kept, and all with the last slot", () => {
    const many = new Stored(newNode(), 80)
    many.add(slotOf(1))
    many.add(slotOf(2))
    const before = many.sealed()
    expect(tracesOf(many, before)).toHaveLength(before.length)
    many.keeper.keep(many.node.state)
    many.keeper.keepSlots([slotOf(2).publicKey], many.node.state)
    const after = many.sealed()
    const kept = new Set(after.map((value) => Buffer.from(value).toString("hex")))
    const gone = before.filter((value) => !kept.has(Buffer.from(value).toString("hex")))
    expect(gone).toHaveLength(before.length)
    expect(tracesOf(many, gone)).toEqual([])
    many.keeper.keepSlots([], many.node.state)
    expect([tracesOf(many, after), many.sealed(), unwrap(many.store.find())]).toEqual([[], [], undefined])
  })

  test("slots have a limit, which those that are over do not hold", () => {
    for (let number = 1; number <= MAX_SLOTS; number++) stored.add(slotOf(number))
    expect(stored.keeper.addSlot(slotOf(MAX_SLOTS + 1), stored.node.state)).toMatchObject({ code: "KEYSTORE_REQUEST_INVALID" })
    stored.add(slotOf(MAX_SLOTS))
    stored.keeper.keepSlots([slotOf(7).publicKey], stored.node.state)
    stored.add(slotOf(MAX_SLOTS + 1))
    expect(stored.keeper.slots().map(({ generation }) => Number(generation))).toEqual([7, MAX_SLOTS + 1])
  })

  test("opens nothing later: not with its slot in a copy from then, nor with the run key of then", () => {
    stored.add(slotOf(1))
    stored.add(slotOf(2))
    const copy = `${stored.path}-copy`
    copyFileSync(stored.path, copy)
    const then = new RunStore(new DatabaseSync(copy), tools)
    using runKey = unwrap(then.keyBySlot(slotOf(1)))
    const [old, found] = [unwrap(then.find()), unwrap(stored.store.find())]
    if (old === undefined || found === undefined) throw new TypeError("both have a run record")
    expect(then.open(runKey, old)).toMatchObject({ ok: true })
    stored.keeper.keepSlots([slotOf(2).publicKey], stored.node.state)
    expect(stored.store.keyBySlot(slotOf(1))).toMatchObject({ code: "SLOT_UNKNOWN" })
    expect(stored.store.open(runKey, found)).toMatchObject({ code: "KEYSTORE_RECORD_CORRUPT" })
    unwrap(openedBy(stored, slotOf(2)))
  })

  test("opens nothing of a later epoch, also by what the record of then had", () => {
    const founded = newNode()
    const early = new Stored(founded)
    early.add(slotOf(1))
    early.add(slotOf(2))
    const { node: copied } = unwrap(openedBy(early, slotOf(1)))
    const secrets = deriveEpoch(primitives, founded.nodeSecret, unwrap(decodeEpoch(2)))
    const prepared = { secrets, rekey: { keys: epochKeys(primitives, secrets), entry: new Uint8Array(9) } }
    // Pending already: its secrets are in the record from then on.
    early.keeper.keep({ ...early.node.state, next: prepared })
    unwrap(openedBy(early, slotOf(2)))
    const blob = (value: unknown): Uint8Array => (value instanceof Uint8Array ? value : new Uint8Array(0))
    const key = blob(early.database.prepare("SELECT key FROM run_slot WHERE generation = 2").get()?.["key"])
    const place = [blob(early.database.prepare("SELECT id FROM store").get()?.["id"]), slotOf(2).publicKey, 2]
    const opens = (storages: readonly Secret[]): boolean => {
      using shelf = new StorageVault(tools, "keygrove/v1/run-slot-key", () => storages)
      using slotKey = shelf.open(place, key)
      return slotKey !== undefined
    }
    expect([opens([copied.secrets.storage]), opens([secrets.storage])]).toEqual([false, true])
    early.node.prepare(prepared)
    early.node.advance()
    early.keeper.keepSlots([slotOf(2).publicKey], early.node.state)
    expect(unwrap(openedBy(early, slotOf(2))).node.identity.keys).toEqual(prepared.rekey.keys)
  })

  test("a slot that was damaged goes, and the others stay", () => {
    stored.add(slotOf(1))
    stored.add(slotOf(2))
    stored.database.exec("UPDATE run_slot SET key = zeroblob(length(key)) WHERE generation = 1")
    stored.keeper.keep(stored.node.state)
    expect(stored.keeper.slots().map(({ generation }) => Number(generation))).toEqual([2])
    unwrap(openedBy(stored, slotOf(2)))
  })
})
