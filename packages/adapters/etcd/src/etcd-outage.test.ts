import { cpSync, rmSync } from "node:fs"
import { join } from "node:path"
import { unwrap } from "@keygrove/base"
import { emptyHead, nextHead, type LedgerHead } from "@keygrove/ledger"
import { MemoryLedgerEngine } from "@keygrove/memory"
import type { LedgerEngine } from "@keygrove/service"
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest"
import { kitLog, kitPrimitives } from "../../../core/ledger/src/ledger-kit.contract.ts"
import { EtcdCluster, hasEtcd } from "./etcd-cluster.fixture.ts"
import { KIT_DEADLINES, kitEngine, kitSource } from "./etcd-engine.fixture.ts"

const call = { signal: AbortSignal.timeout(600_000) }
const PATIENCE = { timeout: 90_000, interval: 100 }
const members = [0, 1, 2]
let cluster: EtcdCluster

describe.skipIf(!hasEtcd)("three members that fail", () => {
  beforeAll(async () => {
    cluster = await EtcdCluster.start(3)
  })
  afterAll(async () => await cluster[Symbol.asyncDispose]())

  function headOf(entries: readonly Uint8Array[]): LedgerHead {
    return entries.reduce((head, entry) => nextHead(kitPrimitives, head, entry), emptyHead())
  }

  /** Appends until it is done, as a caller who is told that the ledger cannot be reached tries again, and finds that an unanswered append was made. */
  async function persist(engine: LedgerEngine, entry: Uint8Array, head: LedgerHead): Promise<LedgerHead> {
    const done = nextHead(kitPrimitives, head, entry)
    return await vi.waitFor(async () => {
      const appended = await engine.append([entry], head, call)
      if (!appended.ok && appended.code === "LEDGER_HEAD_MOVED") expect(await engine.head(call)).toEqual(done)
      else unwrap(appended)
      return done
    }, PATIENCE)
  }

  test("appends go on when the leader is killed in the middle of them, and none is lost or made twice", async () => {
    const address = cluster.address("leader")
    await using engine = kitEngine(address)
    const log = kitLog(60)
    let head = emptyHead()
    let killed = -1
    for (const [index, entry] of log.entries()) {
      if (index === 20) {
        killed = await cluster.leader()
        await cluster.kill(killed)
      }
      head = await persist(engine, entry, head)
    }
    cluster.restart(killed)
    await cluster.untilReady()
    await using reader = kitEngine(address)
    unwrap(await reader.caughtUp(call))
    expect(await reader.head(call)).toEqual(headOf(log))
  })

  test("without a quorum appends are refused within the deadline, what is known is read, and appends resume by themselves", async () => {
    const address = cluster.address("quorum")
    await using engine = kitEngine(address, { deadlines: KIT_DEADLINES })
    const log = kitLog(6)
    const head = unwrap(await engine.append(log.slice(0, 3), emptyHead(), call))
    const leader = await cluster.leader()
    const paused = members.find((index) => index !== leader) ?? 0
    await cluster.kill(leader)
    cluster.signal(paused, "SIGSTOP")
    const refused = await engine.append(log.slice(3, 4), head, call)
    expect(refused).toMatchObject({ ok: false, code: "LEDGER_UNREACHABLE" })
    const message = refused.ok ? "" : refused.message
    for (const { port } of address.endpoints) expect(message).toContain(`127.0.0.1:${port} (`)
    expect(message).toContain("ECONNREFUSED")
    expect(await engine.refresh(call)).toMatchObject({ ok: false, code: "LEDGER_UNREACHABLE" })
    expect(unwrap(await engine.read(emptyHead().length, 10, call)).entries).toHaveLength(3)
    await vi.waitFor(async () => {
      const { hasLeader, members } = await engine.source.health(call)
      expect(hasLeader).toBe(false)
      expect(members.filter(({ trouble }) => trouble !== undefined)).toHaveLength(2)
    }, PATIENCE)
    cluster.signal(paused, "SIGCONT")
    let last = await persist(engine, log[3] ?? new Uint8Array(0), head)
    cluster.restart(leader)
    await cluster.untilReady()
    last = unwrap(await engine.append(log.slice(4), last, call))
    expect(last).toEqual(headOf(log))
    expect((await engine.source.health(call)).hasLeader).toBe(true)
  })

  test("a member that stops without closing anything keeps nobody from following", async () => {
    const address = cluster.address("stopped")
    const leader = await cluster.leader()
    const stopped = members.find((index) => index !== leader) ?? 0
    // The follower begins with the one that will stop.
    const endpoints = [stopped, ...members.filter((index) => index !== stopped)]
      .map((index) => address.endpoints[index])
      .filter((each) => each !== undefined)
    await using follower = kitEngine({ ...address, endpoints }, { deadlines: KIT_DEADLINES })
    await using writer = kitSource({ ...address, endpoints: endpoints.slice(1) })
    const log = kitLog(4)
    unwrap(await writer.append(log.slice(0, 2), emptyHead(), call))
    unwrap(await follower.caughtUp(call))
    cluster.signal(stopped, "SIGSTOP")
    unwrap(await writer.append(log.slice(2), headOf(log.slice(0, 2)), call))
    await vi.waitFor(async () => expect(await follower.head(call)).toEqual(headOf(log)), PATIENCE)
    cluster.signal(stopped, "SIGCONT")
  })

  test("an etcd that was put back from a copy of its data is refused, by who runs and by who starts", async () => {
    const address = cluster.address("restored")
    const log = kitLog(5)
    const copy = new MemoryLedgerEngine(kitPrimitives)
    await using engine = kitEngine(address, { deadlines: KIT_DEADLINES })
    await using second = kitEngine(address, { deadlines: KIT_DEADLINES, copy })
    const before = unwrap(await engine.append(log.slice(0, 3), emptyHead(), call))
    const kept = join(cluster.directory, "kept")
    await Promise.all(members.map(async (index) => await cluster.kill(index)))
    for (const index of members) cpSync(cluster.dataOf(index), join(kept, String(index)), { recursive: true })
    for (const index of members) cluster.restart(index)
    await cluster.untilReady()
    unwrap(await engine.append(log.slice(3), before, call))
    await vi.waitFor(async () => expect(await second.head(call)).toEqual(headOf(log)), PATIENCE)
    await Promise.all(members.map(async (index) => await cluster.kill(index)))
    for (const index of members) {
      rmSync(cluster.dataOf(index), { recursive: true })
      cpSync(join(kept, String(index)), cluster.dataOf(index), { recursive: true })
      cluster.restart(index)
    }
    await cluster.untilReady()
    await vi.waitFor(() => expect(engine.distrust?.code).toBe("LEDGER_FORKED"), PATIENCE)
    const shown = (head: LedgerHead): string => `${Buffer.from(head.hash).toString("hex")} at ${head.length}`
    expect(engine.distrust?.message).toContain(shown(headOf(log)))
    expect(engine.distrust?.message).toContain(shown(before))
    expect(await engine.append(kitLog(6).slice(5), headOf(log), call)).toMatchObject({ ok: false, code: "LEDGER_FORKED" })
    const again = new MemoryLedgerEngine(kitPrimitives)
    unwrap(await again.append(log, emptyHead(), call))
    await using started = kitEngine(address, { copy: again })
    expect(await started.caughtUp(call)).toMatchObject({ ok: false, code: "LEDGER_FORKED" })
  })
})
