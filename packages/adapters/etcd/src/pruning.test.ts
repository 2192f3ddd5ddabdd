import { equalBytes, refuse, toHex, unwrap } from "@keygrove/base"
import { emptyHead, MAX_BATCH_ENTRIES, nextHead, type LedgerHead } from "@keygrove/ledger"
import type { PruneOrder } from "@keygrove/service"
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest"
import { kitLog, kitPrimitives } from "../../../core/ledger/src/ledger-kit.contract.ts"
import { EtcdCluster, hasEtcd } from "./etcd-cluster.fixture.ts"
import { KIT_DEADLINES, kitEngine, kitSource } from "./etcd-engine.fixture.ts"
import type { EtcdLedgerSource } from "./etcd-source.ts"
import { headAfter, indexOf, orderAt, pruneUntil } from "./pruning.fixture.ts"

const call = { signal: AbortSignal.timeout(600_000) }
const log = kitLog(302)
const heads = log.reduce<LedgerHead[]>((all, entry) => [...all, nextHead(kitPrimitives, all.at(-1) ?? emptyHead(), entry)], [emptyHead()])
const kept = [0, 1, 2, 130, 200, 201, 289]
let cluster: EtcdCluster
let count = 0

/** A ledger with all of the log. */
async function filled(entries = log.slice(0, 300)): Promise<string> {
  const name = `pruned-${count++}`
  await using source = kitSource(cluster.address(name))
  let head = emptyHead()
  for (let from = 0; from < entries.length; from += MAX_BATCH_ENTRIES)
    head = unwrap(await source.append(entries.slice(from, from + MAX_BATCH_ENTRIES), head, call))
  return name
}

/** What is there of each entry, and what is not as it was appended, or chains otherwise. */
async function shown(
  source: EtcdLedgerSource,
  length: number,
): Promise<{ readonly there: readonly number[]; readonly wrong: readonly number[] }> {
  const [there, wrong]: [number[], number[]] = [[], []]
  for (let index = 0; index < length;) {
    const slice = await source.read(indexOf(index), length - index, call)
    if (!slice.ok) {
      if (slice.code !== "LEDGER_PRUNED") wrong.push(index)
      index++
      continue
    }
    if (!equalBytes(slice.value.before, heads[index]?.hash ?? emptyHead().hash)) wrong.push(index)
    for (const entry of slice.value.entries) {
      there.push(index)
      if (!equalBytes(entry, log[index] ?? emptyHead().hash)) wrong.push(index)
      index++
    }
  }
  return { there, wrong }
}

describe.skipIf(!hasEtcd)("three members", () => {
  beforeAll(async () => {
    cluster = await EtcdCluster.start(3)
  })
  afterAll(async () => await cluster[Symbol.asyncDispose]())

  test("drop what came before a snapshot, but what is kept, and say how all of it chained", async () => {
    const name = await filled()
    await using source = kitSource(cluster.address(name))
    expect(unwrap(await source.prunedTo(call))).toBe(0)
    expect(await source.snapshot(indexOf(5), call)).toMatchObject({ code: "LEDGER_PRUNED" })
    const order = orderAt(log, 290, kept)
    unwrap(await source.prune(order, call))
    expect(unwrap(await source.prunedTo(call))).toBe(290)
    const rest = Array.from({ length: 10 }, (_, offset) => 290 + offset)
    expect(await shown(source, 300)).toEqual({ there: [...kept, ...rest], wrong: [] })
    expect(unwrap(await source.read(indexOf(0), 256, call)).entries).toEqual(log.slice(0, 3))
    for (const length of [0, 1, 127, 128, 129, 256, 289, 290]) {
      const offered = unwrap(await source.snapshot(indexOf(length), call))
      expect(toHex(offered.before)).toBe(toHex(headAfter(log.slice(0, length)).hash))
      expect(offered.head).toEqual(order.encoded)
    }
    for (const place of [0, 1, 2])
      expect(unwrap(await source.part(order.head, place, call))).toEqual(unwrap(await order.chunk(place, call)))
    expect(await source.part(order.head, 3, call)).toMatchObject({ code: "LEDGER_PRUNED" })
    await using engine = kitEngine(cluster.address(name))
    expect(await engine.refresh(call)).toMatchObject({ code: "LEDGER_PRUNED" })
    unwrap(await source.append(log.slice(300, 301), headAfter(log.slice(0, 300)), call))
    // Once more does nothing, and with a later snapshot goes on in the middle of a block.
    unwrap(await source.prune(order, call))
    const longer = log.slice(0, 301)
    unwrap(await source.prune(orderAt(longer, 301, kept), call))
    expect(await source.part(order.head, 0, call)).toMatchObject({ code: "LEDGER_PRUNED" })
    expect(await shown(source, 301)).toEqual({ there: kept, wrong: [] })
    expect(await source.prune(order, call)).toMatchObject({ code: "LEDGER_HEAD_MOVED" })
    expect(unwrap(await source.head(call))).toEqual(headAfter(longer))
    unwrap(await source.append(log.slice(301), headAfter(longer), call))
  })

  test("are whole for their readers wherever a pruning is cut off, and the next one goes on", async () => {
    for (let cut = 0, wasCut = true; wasCut; cut++) {
      const name = await filled(log.slice(0, 140))
      const order = orderAt(log, 133, kept)
      wasCut = await pruneUntil(cluster, name, { order, cut }, call).then(
        (pruned) => !unwrap(pruned),
        () => true,
      )
      await using source = kitSource(cluster.address(name))
      const prunedTo = unwrap(await source.prunedTo(call))
      const between = await shown(source, 140)
      expect(between).toMatchObject({ wrong: [] })
      if (prunedTo === 0) expect(between.there).toHaveLength(140)
      else for (const place of [0, 1, 2]) expect((await source.part(order.head, place, call)).ok).toBe(true)
      // By the same snapshot, or by a later one.
      const next = cut % 2 === 0 ? 133 : 137
      unwrap(await source.prune(orderAt(log, next, kept), call))
      const left = [0, 1, 2, 130, ...Array.from({ length: 140 - next }, (_, offset) => next + offset)]
      expect(await shown(source, 140)).toEqual({ there: left, wrong: [] })
      expect(cut).toBeLessThan(100)
    }
  })

  test("are pruned by several nodes at once without one undoing what the other did", async () => {
    for (const lengths of [
      [290, 290],
      [290, 250],
      [150, 290, 280],
    ]) {
      const name = await filled()
      const sources = lengths.map(() => kitSource(cluster.address(name)))
      const orders = lengths.map((length) => orderAt(log, length, kept))
      const outcomes = await Promise.all(orders.map(async (order, index) => await sources[index]?.prune(order, call)))
      for (const outcome of outcomes) if (outcome?.ok === false) expect(["LEDGER_BUSY", "LEDGER_HEAD_MOVED"]).toContain(outcome.code)
      await using source = kitSource(cluster.address(name))
      expect(await shown(source, 300)).toMatchObject({ wrong: [] })
      unwrap(await source.prune(orderAt(log, 290, kept), call))
      expect((await shown(source, 290)).there).toEqual(kept)
      for (const each of sources) await each[Symbol.asyncDispose]()
    }
  })

  test("are not pruned at a snapshot of another log, or one that is not what was signed, nor once the ledger goes on elsewhere", async () => {
    const name = await filled(log.slice(0, 20))
    await using source = kitSource(cluster.address(name))
    expect(await source.prune(orderAt(kitLog(10, "another"), 10, []), call)).toMatchObject({ code: "LEDGER_CORRUPT" })
    expect(await source.prune(orderAt(log, 30, []), call)).toMatchObject({ code: "LEDGER_CORRUPT" })
    const order = orderAt(log, 10, [])
    const other: PruneOrder = { ...order, chunk: orderAt(log, 11, []).chunk }
    expect(await source.prune(other, call)).toMatchObject({ code: "SNAPSHOT_INVALID" })
    const broken: PruneOrder = {
      ...order,
      chunk: async (place) => (place === 2 ? refuse("LEDGER_UNREACHABLE", "no disk") : await order.chunk(place, call)),
    }
    expect(await source.prune(broken, call)).toMatchObject({ code: "LEDGER_UNREACHABLE" })
    unwrap(await source.seal("elsewhere", headAfter(log.slice(0, 20)), call))
    expect(await source.prune(order, call)).toMatchObject({ code: "LEDGER_MOVED", data: { target: "elsewhere" } })
    expect((await shown(source, 20)).there).toHaveLength(20)
  })

  test("say that the log is corrupt where an entry is gone that no snapshot stands for, and where what they say of one is none", async () => {
    const name = await filled()
    await using source = kitSource(cluster.address(name))
    unwrap(await source.prune(orderAt(log, 200, kept), call))
    await cluster.delete(`/${name}/entry/${"250".padStart(16, "0")}`)
    expect(await source.read(indexOf(240), 20, call)).toMatchObject({ code: "LEDGER_CORRUPT" })
    await cluster.put(`/${name}/pruned`, new Uint8Array([1, 2, 3]))
    for (const index of [0, 10, 220]) expect(await source.read(indexOf(index), 1, call)).toMatchObject({ code: "LEDGER_CORRUPT" })
    expect(await source.snapshot(indexOf(5), call)).toMatchObject({ code: "LEDGER_CORRUPT" })
    expect(await source.prune(orderAt(log, 240, kept), call)).toMatchObject({ code: "LEDGER_CORRUPT" })
  })

  test("go on being pruned when the leader is killed in the middle", async () => {
    const name = await filled()
    await using source = kitSource(cluster.address(name), { deadlines: KIT_DEADLINES })
    const order = orderAt(log, 290, kept)
    let killed = -1
    const killing: PruneOrder = {
      ...order,
      chunk: async (place, options) => {
        if (place === 1 && killed < 0) {
          killed = await cluster.leader()
          await cluster.kill(killed)
        }
        return await order.chunk(place, options)
      },
    }
    await vi.waitFor(async () => unwrap(await source.prune(killing, call)), { timeout: 90_000, interval: 100 })
    cluster.restart(killed)
    await cluster.untilReady()
    expect(await shown(source, 300)).toMatchObject({ wrong: [] })
    expect((await shown(source, 290)).there).toEqual(kept)
  })
})
