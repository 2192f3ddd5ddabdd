import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { DatabaseSync } from "node:sqlite"
import { concatBytes, ok, unwrap } from "@keygrove/base"
import { nativePrimitives } from "@keygrove/curves-native"
import { decodeGeneration } from "@keygrove/hierarchy"
import { advanceIndex, emptyHead, encodeSnapshot, findNode, type LedgerIndex } from "@keygrove/ledger"
import { LedgerReplica, openSnapshot, SnapshotKeeper, type LedgerEngine, type NodeIdentity, type OpenedSnapshot } from "@keygrove/service"
import { EmbeddedLedgerEngine } from "@keygrove/sqlite"
import { systemClock } from "@keygrove/system"
import { afterAll, beforeAll, describe, expect, test } from "vitest"
import {
  anchorName,
  clusterEntry,
  kitChild,
  kitEpochKeys,
  kitKey,
  kitPrimitives,
  kitRoot,
  kitSeed,
  nodeEntry,
  nodeRevokedEntry,
  rekeyEntry,
  signingName,
  termsEntry,
  type KitNode,
} from "../../packages/core/ledger/src/ledger-kit.contract.ts"

const call = { signal: AbortSignal.timeout(600_000) }
const primitives = { ...nativePrimitives, ed25519: kitPrimitives.ed25519 }
const root = kitRoot("snapshots")
const laptop = kitChild(root, "/laptop")
const phone = kitChild(root, "/phone")
const stranger = kitChild(kitRoot("another"), "/laptop")
const log = [clusterEntry(root), ...[laptop, phone].flatMap((node) => [nodeEntry(root, node), rekeyEntry(node, 1)])]
const more = (from: number, count: number, epoch = 1): Uint8Array[] =>
  Array.from({ length: count }, (_, offset) => termsEntry(laptop, epoch, from + offset))
const at = (index: number): LedgerIndex => advanceIndex(emptyHead().length, index)

let directory = ""
let files = 0
beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), "keygrove-snapshots-"))
})
afterAll(() => rmSync(directory, { recursive: true }))
const freshPath = (): string => join(directory, `${files++}.db`)

/** A node as a keystore knows it, in an epoch that a test may change. */
class Signer {
  epoch = 1
  readonly #node: KitNode

  constructor(node: KitNode) {
    this.#node = node
  }

  state(): "unlocked" {
    return "unlocked"
  }

  identity(): NodeIdentity {
    const { cluster, generation, path } = this.#node
    const anchorKey = kitKey(anchorName(this.#node))
    return {
      cluster,
      path,
      generation: unwrap(decodeGeneration(generation)),
      anchorKey,
      keys: kitEpochKeys(this.#node, this.epoch),
      predecessors: [],
    }
  }

  async sign(_purpose: unknown, message: Uint8Array): Promise<{ readonly ok: true; readonly value: Uint8Array }> {
    using seed = kitSeed(signingName(this.#node, this.epoch))
    return ok(primitives.ed25519.sign(seed, message))
  }
}

/** A node's ledger as it is opened, with what it read of its file. */
interface Opened extends AsyncDisposable {
  readonly replica: LedgerReplica
  readonly keeper: SnapshotKeeper
  readonly found: OpenedSnapshot
  /** Lowest index that the replica read at its start. */
  readonly readFrom: number
}

async function open(path: string, signer: Signer, every = 1_000_000): Promise<Opened> {
  const file = unwrap(EmbeddedLedgerEngine.open({ path, primitives }))
  const { cluster, keys, path: own } = signer.identity()
  const reader = { cluster, path: own, signingKey: keys.signingKey }
  const found = unwrap(await openSnapshot({ primitives, file, snapshots: file.snapshots, reader }, call))
  let readFrom = Infinity
  const engine: LedgerEngine = {
    head: (options) => file.head(options),
    read: (from, ...rest) => {
      readFrom = Math.min(readFrom, from)
      return file.read(from, ...rest)
    },
    append: (...args) => file.append(...args),
    refresh: (options) => file.refresh(options),
    watch: (...args) => file.watch(...args),
    [Symbol.asyncDispose]: () => file[Symbol.asyncDispose](),
  }
  const from = found.from === undefined ? {} : { from: found.from }
  const replica = unwrap(await LedgerReplica.open({ primitives, engine, ...from }, call))
  const context = { primitives, replica, keystore: signer, clock: systemClock, snapshots: file.snapshots }
  const prunedTo = unwrap(await file.snapshots.prunedTo(call))
  const keeper = SnapshotKeeper.start(context, { prunedTo, every, ...(found.head === undefined ? {} : { newest: found.head }) })
  const dispose = async (): Promise<void> => {
    await keeper[Symbol.asyncDispose]()
    await replica[Symbol.asyncDispose]()
  }
  return { replica, keeper, found, readFrom, [Symbol.asyncDispose]: dispose }
}

const bytesOf = (replica: LedgerReplica): Uint8Array => concatBytes(...encodeSnapshot(replica.snapshot()))

/** A file with a log and a snapshot in the middle of it. */
async function founded(signer = new Signer(laptop)): Promise<string> {
  const path = freshPath()
  await using node = await open(path, signer)
  unwrap(await node.replica.appendEntries([...log, ...more(1, 20)], call))
  unwrap(await node.keeper.take(call))
  unwrap(await node.replica.appendEntries(more(21, 20), call))
  return path
}

function change(path: string, sql: string): void {
  const database = new DatabaseSync(path)
  database.exec(sql)
  database.close()
}

describe("a node that starts from its own snapshot", () => {
  test("reads only what follows it, and says the same as one that reads everything", async () => {
    const path = await founded()
    await using fast = await open(path, new Signer(laptop))
    expect(fast.readFrom).toBe(25)
    expect(fast.found.refused).toEqual([])
    await using whole = unwrap(
      await LedgerReplica.open({ primitives, engine: unwrap(EmbeddedLedgerEngine.open({ path, primitives })) }, call),
    )
    expect(bytesOf(fast.replica)).toEqual(bytesOf(whole))
    expect(fast.replica.keyChain(root.cluster)).toEqual(whole.keyChain(root.cluster))
  })

  test.each([
    ["a damaged chunk", "UPDATE snapshot_chunk SET bytes = x'00010203' WHERE place = 0", "SNAPSHOT_INVALID"],
    ["a missing chunk", "DELETE FROM snapshot_chunk", "LEDGER_CORRUPT"],
    ["a damaged head", "UPDATE snapshot SET head = x'a0'", "SNAPSHOT_INVALID"],
    ["a log that is shorter than it", "DELETE FROM entry WHERE position >= 20", "SNAPSHOT_INVALID"],
    ["another log", "UPDATE entry SET head = zeroblob(32) WHERE position = 24", "SNAPSHOT_INVALID"],
  ])("refuses one with %s", async (_what, sql, code) => {
    const path = await founded()
    change(path, sql)
    await using file = unwrap(EmbeddedLedgerEngine.open({ path, primitives }))
    const reader = { cluster: laptop.cluster, path: laptop.path, signingKey: kitKey(signingName(laptop, 1)) }
    const found = unwrap(await openSnapshot({ primitives, file, snapshots: file.snapshots, reader }, call))
    expect(found.from).toBeUndefined()
    expect(found.refused).toMatchObject([{ code }])
  })

  test("takes the one before a damaged one, and replays when there is none", async () => {
    const path = await founded()
    {
      await using node = await open(path, new Signer(laptop))
      unwrap(await node.keeper.take(call))
    }
    change(path, "UPDATE snapshot_chunk SET bytes = x'00' WHERE length = 45")
    {
      await using node = await open(path, new Signer(laptop))
      expect(node.readFrom).toBe(25)
      expect(node.found.refused).toHaveLength(1)
    }
    change(path, "DELETE FROM snapshot_chunk")
    await using node = await open(path, new Signer(laptop))
    expect(node.readFrom).toBe(0)
    expect(findNode(node.replica.state, laptop)?.terms?.revision).toBe(40)
  })
})

describe("who signs a snapshot", () => {
  const codeFor = async (path: string, signer: Signer): Promise<string> => {
    await using node = await open(path, signer)
    return node.found.from === undefined ? (node.found.refused[0]?.code ?? "none") : "believed"
  }

  test("another node of the cluster is believed, and a stranger is not", async () => {
    expect(await codeFor(await founded(), new Signer(phone))).toBe("believed")
    expect(await codeFor(await founded(new Signer(stranger)), new Signer(laptop))).toBe("SNAPSHOT_SIGNER_UNKNOWN")
    // A foreign reader finds no chain of its own cluster in it.
    expect(await codeFor(await founded(), new Signer(stranger))).toBe("SNAPSHOT_INVALID")
  })

  test("a key that the node had before is believed of its own snapshot only, and a new one is taken at once", async () => {
    const path = await founded()
    const signer = new Signer(laptop)
    {
      await using node = await open(path, signer)
      unwrap(await node.replica.appendEntries([rekeyEntry(laptop, 2)], call))
      signer.epoch = 2
    }
    {
      await using node = await open(path, signer)
      expect(node.found.head?.author.key).toEqual(kitKey(signingName(laptop, 1)))
      await expect.poll(() => node.keeper.newest?.author.key, { timeout: 60_000 }).toEqual(kitKey(signingName(laptop, 2)))
    }
    expect(await codeFor(path, new Signer(phone))).toBe("believed")
  })

  test("a snapshot in which its signer was revoked is refused", async () => {
    const path = freshPath()
    {
      await using node = await open(path, new Signer(laptop))
      unwrap(await node.replica.appendEntries([...log, nodeRevokedEntry(root, laptop)], call))
      unwrap(await node.keeper.take(call))
    }
    expect(await codeFor(path, new Signer(phone))).toBe("SNAPSHOT_SIGNER_UNKNOWN")
  })
})

describe("taking snapshots", () => {
  test("happens by itself every so many entries, and leaves the live state alone", async () => {
    await using node = await open(freshPath(), new Signer(laptop), 16)
    unwrap(await node.replica.appendEntries([...log, ...more(1, 11)], call))
    await expect.poll(() => node.keeper.newest?.length, { timeout: 60_000 }).toBe(16)
    const before = node.replica.state
    const taking = node.keeper.take(call)
    const appended = await node.replica.appendEntries(more(12, 3), call)
    expect(unwrap(await taking).length).toBe(16)
    expect(unwrap(appended).length).toBe(19)
    expect(findNode(before, laptop)?.terms?.revision).toBe(11)
    expect(node.keeper.refusal).toBeUndefined()
  })

  test("of an empty ledger is refused", async () => {
    await using node = await open(freshPath(), new Signer(laptop))
    expect(await node.keeper.take(call)).toMatchObject({ code: "LEDGER_EMPTY" })
  })
})

describe("a file that was pruned", () => {
  test("keeps key chains and how entries chain, refuses the rest, and the node goes on from its snapshot", async () => {
    const path = await founded()
    let whole = new Uint8Array(0)
    {
      await using node = await open(path, new Signer(laptop))
      unwrap(await node.replica.appendEntries([nodeEntry(root, kitChild(root, "/tablet")), ...more(41, 2)], call))
      const taken = unwrap(await node.keeper.prune(call))
      expect(taken.length).toBe(48)
      expect(node.keeper.prunedTo).toBe(48)
      expect(await node.replica.read(at(6), 10, call)).toMatchObject({ code: "LEDGER_PRUNED", data: { next: 16 } })
      expect(await node.replica.read(at(40), 10, call)).toMatchObject({ code: "LEDGER_PRUNED", data: { next: 45 } })
      expect(unwrap(await node.replica.read(at(0), 10, call)).entries).toHaveLength(5)
      expect(unwrap(await node.replica.read(at(45), 10, call)).entries).toHaveLength(1)
      unwrap(await node.replica.appendEntries(more(43, 2), call))
      expect(unwrap(await node.replica.read(at(48), 10, call)).entries).toHaveLength(2)
      whole = Uint8Array.from(bytesOf(node.replica))
    }
    {
      await using again = await open(path, new Signer(phone))
      expect(again.keeper.prunedTo).toBe(48)
      expect(bytesOf(again.replica)).toEqual(whole)
    }
    change(path, "DELETE FROM snapshot")
    const engine = unwrap(EmbeddedLedgerEngine.open({ path, primitives }))
    expect(await LedgerReplica.open({ primitives, engine }, call)).toMatchObject({ code: "LEDGER_PRUNED" })
  })

  test("is not pruned when the snapshot that it would depend on cannot be read back", async () => {
    const path = await founded()
    await using node = await open(path, new Signer(laptop))
    const taken = unwrap(await node.keeper.take(call))
    change(path, `UPDATE snapshot_chunk SET bytes = x'00' WHERE length = ${taken.length}`)
    expect(await node.keeper.prune(call)).toMatchObject({ code: "SNAPSHOT_INVALID" })
    expect(node.keeper.prunedTo).toBe(0)
    expect(unwrap(await node.replica.read(at(10), 1, call)).entries).toHaveLength(1)
  })

  test("may be pruned again where it was cut off, and further later", async () => {
    const path = await founded()
    await using node = await open(path, new Signer(laptop))
    unwrap(await node.keeper.prune(call))
    unwrap(await node.keeper.prune(call))
    unwrap(await node.replica.appendEntries(more(41, 10), call))
    unwrap(await node.keeper.prune(call))
    expect(await node.replica.read(at(54), 10, call)).toMatchObject({ code: "LEDGER_PRUNED" })
    expect(node.replica.head.length).toBe(55)
  })
})
