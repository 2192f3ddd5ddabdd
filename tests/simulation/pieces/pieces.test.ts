import { unwrap } from "@keygrove/base"
import { decodeNodePath } from "@keygrove/hierarchy"
import { currentGeneration, owersOf, sharingsOf } from "@keygrove/pieces"
import { custodyReport, joinCustody, leaveCustody, verifyPieces, type JoinProgress } from "@keygrove/service"
import { describe, expect, test } from "vitest"
import { call } from "../member.ts"
import { grown, kept, machineOf, reopen } from "./grown.ts"
import { pieceLie } from "./piece-liars.ts"
import { PieceWorld } from "./piece-world.ts"

const MINUTE_MS = 60_000

function generationOf(world: PieceWorld): number | undefined {
  return currentGeneration(world.custody)?.generation
}

function openGenerations(world: PieceWorld): readonly number[] {
  return [...world.custody.generations.values()].map(({ generation }) => generation)
}

describe("a cluster", () => {
  test("of three shares, and its members open each other", async () => {
    await using world = await grown("three", "abc")
    const current = currentGeneration(world.custody)
    expect(current?.members.map(({ path }) => path)).toEqual(["/a", "/b", "/c"])
    expect(current === undefined ? [] : owersOf(world.custody, current)).toEqual([])
    expect([...(current?.sharings.values() ?? [])].map(({ held }) => held)).toEqual([
      [2, 3],
      [1, 3],
      [1, 2],
    ])
    for (const machine of world.machines) expect(await reopen(world, machine)).toMatchObject({ code: "unlocked" })
  })

  test("grows by several nodes at once, shrinks by one that leaves and one that is revoked, and wipes what is over", async () => {
    await using world = await grown("growing", "abc")
    const newcomers = [await world.add("d"), await world.add("e"), await world.add("f")]
    await Promise.all(newcomers.map(async (each) => unwrap(await each.announce())))
    await world.pass(MINUTE_MS)
    const grownTo = generationOf(world)
    expect(currentGeneration(world.custody)?.members).toHaveLength(6)
    expect(openGenerations(world)).toEqual([grownTo])
    unwrap(await leaveCustody(machineOf(world, "d").context, call))
    unwrap(await world.ledger.appendEntries([world.root.revocation(machineOf(world, "e").path)], call))
    await machineOf(world, "e").stop()
    await world.pass(MINUTE_MS)
    expect(currentGeneration(world.custody)?.members.map(({ path }) => path)).toEqual(["/a", "/b", "/c", "/f"])
    const last = generationOf(world)
    expect(kept(machineOf(world, "a"))).toEqual([`${last}/b`, `${last}/c`, `${last}/f`])
    expect(kept(machineOf(world, "d"))).toEqual([])
    expect(world.custody.members.get(machineOf(world, "a").path)?.wipedUpTo).toBe((last ?? 0) - 1)
    expect(
      machineOf(world, "a")
        .slots()
        .map(({ generation }) => Number(generation)),
    ).toEqual([last])
  })

  test("shares fresh storage keys when it is asked to, and when a slot is gone", async () => {
    await using world = await grown("fresh", "abc")
    const before = generationOf(world) ?? 0
    machineOf(world, "b").keeper.renew()
    await world.pass(MINUTE_MS)
    expect(generationOf(world)).toBe(before + 1)
    unwrap(await machineOf(world, "c").context.keystore.keepSlots([], call))
    await world.pass(2 * MINUTE_MS)
    expect(generationOf(world)).toBe(before + 2)
    expect(await reopen(world, machineOf(world, "c"))).toMatchObject({ code: "unlocked" })
  })

  test("goes on when members rekey, and says where they are then", async () => {
    await using world = await grown("rekeying", "abc")
    for (const machine of world.machines) await machine.rekey()
    await world.pass(MINUTE_MS)
    for (const machine of world.machines) expect(await reopen(world, machine)).toMatchObject({ code: "unlocked" })
    machineOf(world, "a").keeper.renew()
    await world.pass(2 * MINUTE_MS)
    expect(currentGeneration(world.custody)?.sharings.size).toBe(3)
  })
})

describe("a member", () => {
  test("whose disk is full acknowledges nothing, and takes its pieces when there is room", async () => {
    await using world = await grown("full", "abc")
    const full = machineOf(world, "b")
    full.storage.setFull(true)
    machineOf(world, "a").keeper.renew()
    await world.pass(MINUTE_MS)
    // It can not take the others' pieces nor save its own job, so nobody else finds two holders.
    expect(generationOf(world)).toBe(1)
    expect(kept(full)).toEqual(["1/a", "1/c"])
    expect(full.keeper.progress.troubles.map(({ refusal }) => refusal.code)).toContain("DISK_FULL")
    full.storage.setFull(false)
    await world.pass(10 * MINUTE_MS)
    expect(generationOf(world)).toBe(2)
    for (const machine of world.machines) expect(await reopen(world, machine)).toMatchObject({ code: "unlocked" })
  })

  test("that is locked while it runs stops its duties and gives nothing", async () => {
    await using world = await grown("locked", "abc")
    const locked = machineOf(world, "b")
    unwrap(await locked.context.keystore.lock(call))
    machineOf(world, "a").keeper.renew()
    await world.pass(MINUTE_MS)
    expect(generationOf(world)).toBe(1)
    const refused = await reopen(world, machineOf(world, "a"))
    expect(refused).toMatchObject({ code: "gave up", last: { given: 1, needed: 2 } })
    expect(refused.last?.refused).toMatchObject([{ path: "/b", reason: expect.stringMatching(/^PIECES_FAILED/) as unknown }])
    await machineOf(world, "a").start()
    expect(await reopen(world, locked)).toMatchObject({ code: "unlocked" })
  })

  test("that became another node is one again as it was, and who said that it leaves is not", async () => {
    await using world = await grown("another", "abcde", "approve")
    unwrap(await leaveCustody(machineOf(world, "d").context, call))
    for (const name of "cde") unwrap(await world.ledger.appendEntries([world.root.revocation(machineOf(world, name).path)], call))
    await world.pass(MINUTE_MS)
    // Its membership is over; that it should not come back is said all the same.
    expect(await leaveCustody(machineOf(world, "e").context, call)).toMatchObject({ code: "MEMBER_UNKNOWN" })
    for (const name of "cde") {
      const machine = machineOf(world, name)
      await machine.stop()
      const issued = world.root.certify(name, 2)
      using _nodeSecret = issued.nodeSecret
      unwrap(await world.ledger.appendEntries(issued.entries, call))
      machine.reissue(issued)
      await machine.start()
    }
    await world.pass(MINUTE_MS)
    expect([...world.custody.members.values()].map(({ path, unlock }) => [path, unlock])).toEqual(
      ["/a", "/b", "/c"].map((path) => [path, "approve"]),
    )
    const newest = currentGeneration(world.custody)
    expect([...(newest?.sharings.values() ?? [])].map(({ owner }) => owner)).toEqual(["/a", "/b", "/c"])
    expect(kept(machineOf(world, "c"))).toEqual([`${newest?.generation}/a`, `${newest?.generation}/b`])
  })

  test("does not start with pieces on its disk that it can not read", async () => {
    await using world = await grown("corrupt", "abc")
    const machine = machineOf(world, "b")
    await machine.stop()
    unwrap(await machine.storage.write([{ kind: "put", collection: "piece", key: "x", value: { owner: 1 } }], call))
    await expect(machine.start()).rejects.toMatchObject({ code: "STORAGE_CORRUPT" })
  })
})

test("a copy of the ledger that is behind costs no slot", async () => {
  await using world = await grown("behind", "abc")
  const machine = machineOf(world, "a")
  const slots = machine.slots()
  const before = sharingsOf(world.custody, machine.path)[0]?.sharing.at ?? 0
  await machine.stop()
  await machine.forgetEntries(before)
  world.lines.cut(machine.firstKey, world.host.signingKey)
  await machine.start()
  await world.pass(3 * MINUTE_MS)
  expect(machine.keeper.progress.troubles.map(({ refusal }) => refusal.code)).toContain("LEDGER_UNREACHABLE")
  expect(machine.slots()).toEqual(slots)
  world.lines.mendAll()
  await world.pass(3 * MINUTE_MS)
  expect(machine.keeper.progress.troubles).toEqual([])
  expect(machine.slots()).toEqual(slots)
  expect(await reopen(world, machine)).toMatchObject({ code: "unlocked" })
})

describe("a member that is off", () => {
  test("while the cluster changes is opened by a majority of those that are members now", async () => {
    await using world = await grown("away", "abc")
    const away = machineOf(world, "c")
    await away.stop()
    for (const name of "de") unwrap(await (await world.add(name)).announce())
    await world.pass(MINUTE_MS)
    const newest = currentGeneration(world.custody)
    expect(newest?.members).toHaveLength(5)
    expect(sharingsOf(world.custody, away.path).map(({ generation }) => Number(generation.generation))).toEqual([1])
    // Nobody waits longer than it takes to be sure that it is off.
    await world.pass(15 * MINUTE_MS)
    const [moved] = sharingsOf(world.custody, away.path)
    expect(moved?.generation.generation).toBe(newest?.generation)
    expect(moved?.sharing.moved?.from).toBe(1)
    expect(openGenerations(world)).toEqual([Number(newest?.generation)])
    await machineOf(world, "a").stop()
    expect(await reopen(world, away)).toMatchObject({ code: "unlocked" })
  })

  test("is moved at the time that was told, and so is each other one", async () => {
    await using world = await grown("two away", "abcde")
    for (const name of "de") await machineOf(world, name).stop()
    unwrap(await (await world.add("f")).announce())
    await world.pass(MINUTE_MS)
    const { moves } = machineOf(world, "a").keeper.progress
    const newest = Number(generationOf(world))
    expect(moves.map(({ attempts, generation, owner }) => [owner, generation, attempts])).toEqual([
      ["/d", newest, 0],
      ["/e", newest, 0],
    ])
    await world.pass(Math.max(...moves.map(({ dueAt }) => dueAt)) + 10_000 - world.clock.now())
    // Nobody but the first of all moves them: the second one waited no longer than the first.
    expect(["/d", "/e"].map((path) => currentGeneration(world.custody)?.sharings.get(unwrap(decodeNodePath(path)))?.moved?.by)).toEqual([
      "/a",
      "/a",
    ])
    expect(machineOf(world, "a").keeper.progress.moves).toEqual([])
  })

  test("is moved although an old holder lies about its sub-pieces", async () => {
    await using world = await grown("lying", "abcde")
    await machineOf(world, "e").stop()
    machineOf(world, "b").lie = pieceLie("bad sub-piece")
    unwrap(await (await world.add("f")).announce())
    await world.pass(30 * MINUTE_MS)
    expect(sharingsOf(world.custody, machineOf(world, "e").path)[0]?.sharing.moved).toBeDefined()
    const named = world.machines.flatMap((machine) => (machine.isRunning ? machine.keeper.progress.liars : []))
    expect(new Set(named.map(({ path }) => path))).toEqual(new Set(["/b"]))
    expect(await reopen(world, machineOf(world, "e"))).toMatchObject({ code: "unlocked" })
  })
})

describe("joining", () => {
  test("tells of its three steps", async () => {
    await using world = await grown("steps", "abc")
    const { context, desk, keeper } = await world.add("d")
    const steps: JoinProgress[] = []
    const joining = joinCustody({ context, desk, keeper }, { unlock: "auto", onProgress: (progress) => steps.push(progress) }, call)
    await world.pass(MINUTE_MS)
    expect(unwrap(await joining)).toMatchObject({ kind: "member", progress: { step: "complete", needed: 2 } })
    expect(steps.at(-1)?.step).toBe("complete")
  })

  test("is not held up by one member that is off", async () => {
    await using world = await grown("one off", "abc")
    await machineOf(world, "c").stop()
    const { context, desk, keeper } = await world.add("d")
    const joining = joinCustody({ context, desk, keeper }, { unlock: "auto" }, call)
    await world.pass(2 * MINUTE_MS)
    expect(unwrap(await joining)).toMatchObject({ kind: "member", progress: { step: "complete" } })
    expect(await reopen(world, machineOf(world, "a"))).toMatchObject({ code: "unlocked" })
  })

  test("waits where there are fewer than three members", async () => {
    await using world = await PieceWorld.plant("few")
    const { context, desk, keeper } = await world.add("a")
    expect(unwrap(await joinCustody({ context, desk, keeper }, { unlock: "auto" }, call))).toEqual({ kind: "waiting", members: 1 })
  })

  test("that finds no majority leaves nothing behind, and says who was missing", async () => {
    await using world = await grown("stuck", "abc")
    for (const name of "bc") await machineOf(world, name).stop()
    const newcomer = await world.add("d")
    const { context, desk, keeper } = newcomer
    const joining = joinCustody({ context, desk, keeper }, { unlock: "auto" }, call)
    await world.pass(20 * MINUTE_MS)
    const failed = await joining
    expect(failed).toMatchObject({ ok: false, code: "CUSTODY_JOIN_FAILED" })
    expect(failed.ok ? "" : failed.message).toMatch(/^1 of 2 members that are needed took a piece of this node; missing: \/a, \/b, \/c/)
    await world.pass(MINUTE_MS)
    expect([...world.custody.members.values()].map(({ path }) => path)).toEqual(["/a", "/b", "/c"])
    expect(openGenerations(world)).toEqual([1])
    expect([...kept(machineOf(world, "a")), ...kept(newcomer)]).toEqual(["1/b", "1/c"])
    expect(newcomer.slots()).toEqual([])
  })
})

describe("what is told", () => {
  test("are holders that have their piece, and those that lost it", async () => {
    await using world = await grown("proofs", "abcd")
    const { context, desk, keeper } = machineOf(world, "a")
    const check = async (): Promise<readonly string[]> =>
      unwrap(await verifyPieces({ context, desk, liars: keeper.liars }, { owner: machineOf(world, "a").path }, call)).map(
        ({ holder, outcome }) => `${holder} ${outcome}`,
      )
    expect(await check()).toEqual(["/b proved", "/c proved", "/d proved"])
    machineOf(world, "b").lie = pieceLie("bad proof")
    await machineOf(world, "c").stop()
    const holder = machineOf(world, "d")
    const lost = holder.desk.pieces().find(({ owner }) => owner === "/a")
    if (lost !== undefined) unwrap(await holder.desk.wipe(lost, call))
    expect(await check()).toEqual(["/b wrong", "/c unreachable", "/d lost"])
    const all = unwrap(await verifyPieces({ context, desk, liars: keeper.liars }, {}, call))
    expect(all.filter(({ owner, outcome }) => owner === "/b" && outcome === "proved").map(({ holder: path }) => path)).toEqual(["/a", "/d"])
  })

  test("is what would be lost with which machines", async () => {
    await using world = await grown("report", "abcd")
    const losses = (): readonly string[] =>
      custodyReport(machineOf(world, "a").context).members.map(
        ({ losses: sets, path }) => `${path} ${sets.map((set) => set.join("+")).join(" ")}`,
      )
    expect(losses()).toEqual(["/a /b+/c /b+/d /c+/d", "/b /a+/c /a+/d /c+/d", "/c /a+/b /a+/d /b+/d", "/d /a+/b /a+/c /b+/c"])
    unwrap(await (await world.add("e")).announce())
    await world.pass(MINUTE_MS)
    expect(losses()[0]).toBe("/a /b+/c /b+/d /b+/e /c+/d /c+/e /d+/e")
  })
})
