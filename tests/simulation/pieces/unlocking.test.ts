import { unwrap } from "@keygrove/base"
import { sharingsOf } from "@keygrove/pieces"
import { MAX_UNLOCKS, UNLOCK_WINDOW_MS, type UnlockProgress } from "@keygrove/service"
import { describe, expect, test } from "vitest"
import { call } from "../member.ts"
import { grown, kept, machineOf, reopen } from "./grown.ts"
import { pieceLie } from "./piece-liars.ts"

const MINUTE_MS = 60_000

describe("unlocking", () => {
  test("names holders with wrong pieces and succeeds without them", async () => {
    await using world = await grown("wrong", "abcde")
    for (const name of "bc") machineOf(world, name).lie = pieceLie("bad piece")
    expect(await reopen(world, machineOf(world, "a"))).toMatchObject({ code: "gave up", last: { given: 2, needed: 3, refused: [{}, {}] } })
    machineOf(world, "b").lie = undefined
    expect(await reopen(world, machineOf(world, "a"))).toMatchObject({ code: "unlocked" })
    expect(machineOf(world, "a").log.filter((line) => line.includes("/c sent a key piece"))).not.toEqual([])
  })

  test("waits for an approval of another member, which holders that were not asked take too", async () => {
    await using world = await grown("approved", "abcd", "approve")
    const locked = machineOf(world, "a")
    await locked.stop()
    const seen: UnlockProgress[] = []
    const opening = locked.startByPieces({ signal: AbortSignal.timeout(600_000) }, (progress) => seen.push(progress))
    await world.settle()
    const digits = seen.at(-1)?.request ?? ""
    expect(seen.at(-1)).toMatchObject({ given: 0, needed: 2, waiting: ["/b", "/c", "/d"], refused: [], unreachable: [] })
    const { desk } = machineOf(world, "c")
    expect(desk.waiting()).toMatchObject([{ owner: "/a", request: digits, approved: false }])
    expect(await desk.approve(locked.path, "00000000", call)).toMatchObject({ ok: false, code: "UNLOCK_REQUEST_UNKNOWN" })
    expect(await desk.approve(locked.path, digits.slice(0, 7), call)).toMatchObject({ ok: false, code: "UNLOCK_REQUEST_UNKNOWN" })
    unwrap(await desk.approve(locked.path, digits, call))
    await world.pass(MINUTE_MS)
    unwrap(await opening)
    expect(locked.isRunning).toBe(true)
  })

  test("is refused after five within an hour, also by holders that were restarted", async () => {
    await using world = await grown("often", "abc")
    const machine = machineOf(world, "a")
    for (let count = 0; count < MAX_UNLOCKS; count++) expect(await reopen(world, machine)).toMatchObject({ code: "unlocked" })
    const holder = machineOf(world, "b")
    await holder.stop()
    await holder.start()
    await world.settle()
    const refused = await reopen(world, machine)
    expect(refused).toMatchObject({ code: "gave up", last: { given: 0 } })
    expect(refused.last?.refused.map(({ reason }) => reason.split(":")[0])).toEqual(["UNLOCK_TOO_OFTEN", "UNLOCK_TOO_OFTEN"])
    await world.pass(UNLOCK_WINDOW_MS)
    expect(await reopen(world, machine)).toMatchObject({ code: "unlocked" })
  })

  test("is refused to a node that was revoked", async () => {
    await using world = await grown("revoked", "abcd")
    const machine = machineOf(world, "a")
    await machine.stop()
    unwrap(await world.ledger.appendEntries([world.root.revocation(machine.path)], call))
    await world.settle()
    const before = machine.slots().length
    expect(await reopen(world, machine, MINUTE_MS)).toMatchObject({ code: "UNLOCK_REVOKED" })
    expect(before).toBe(1)
    expect(kept(machineOf(world, "b")).filter((piece) => piece.endsWith("/a"))).toEqual([])
  })

  test("is refused to a node that was revoked a moment ago, by holders that have not read of it", async () => {
    await using world = await grown("revoked now", "abcd")
    const [machine, holder] = [machineOf(world, "a"), machineOf(world, "b")]
    const [bootKey, [placed]] = [unwrap(await machine.context.keystore.bootKeys(call)).signingKey, sharingsOf(world.custody, machine.path)]
    if (placed === undefined) throw new TypeError("everybody has shared")
    const { generation } = placed.generation
    const asked = { op: "return", owner: machine.path, generation, sharing: placed.sharing.id, approvals: [] } as const
    expect(await holder.desk.answer(bootKey, { ...asked, request: new Uint8Array(32).fill(1) }, call)).toMatchObject({ kind: "piece" })
    for (const { firstKey } of world.machines) world.lines.cut(firstKey, world.host.signingKey)
    unwrap(await world.ledger.appendEntries([world.root.revocation(machine.path)], call))
    // As long as nobody can tell it so, it gives.
    expect(await holder.desk.answer(bootKey, { ...asked, request: new Uint8Array(32).fill(2) }, call)).toMatchObject({ kind: "piece" })
    world.lines.mendAll()
    expect(await holder.desk.answer(bootKey, { ...asked, request: new Uint8Array(32).fill(3) }, call)).toMatchObject({
      kind: "refused",
      code: "UNLOCK_REVOKED",
    })
  })

  test("goes on at once when the ledger is back that the node's copy is behind", async () => {
    await using world = await grown("news", "abc")
    const machine = machineOf(world, "a")
    await machine.stop()
    await machine.forgetEntries(sharingsOf(world.custody, machine.path)[0]?.sharing.at ?? 0)
    world.lines.cut(machine.firstKey, world.host.signingKey)
    const opening = machine.startByPieces(call)
    await world.pass(100_000)
    expect(machine.isRunning).toBe(false)
    world.lines.mendAll()
    await world.pass(10_000)
    expect(machine.isRunning).toBe(true)
    expect(await opening).toMatchObject({ ok: true })
  })

  test("goes on until its holders are there", async () => {
    await using world = await grown("late", "abc")
    for (const name of "bc") await machineOf(world, name).stop()
    const machine = machineOf(world, "a")
    expect(await reopen(world, machine, MINUTE_MS)).toMatchObject({ code: "gave up", last: { given: 0, unreachable: [{}, {}] } })
    for (const name of "bc") await machineOf(world, name).start()
    expect(await reopen(world, machine, MINUTE_MS)).toMatchObject({ code: "unlocked" })
  })
})
