import { unwrap } from "@keygrove/base"
import { currentGeneration, startingGeneration } from "@keygrove/pieces"
import { joinCustody } from "@keygrove/service"
import { expect, test } from "vitest"
import type { Machine } from "./machine.ts"
import { PieceWorld } from "./piece-world.ts"

const MINUTE_MS = 60_000
const HOUR_MS = 60 * MINUTE_MS

async function grown(seed: string): Promise<{ readonly world: PieceWorld; readonly first: Machine; readonly others: readonly Machine[] }> {
  const world = await PieceWorld.plant(seed)
  for (const name of "abcde") await world.add(name)
  for (const machine of world.machines) unwrap(await machine.announce("auto"))
  await world.pass(MINUTE_MS)
  const [first, ...others] = world.machines
  if (first === undefined) throw new TypeError("there is nobody")
  return { world, first, others }
}

test("a member whose clock was an hour ahead while nobody answered it shares soon after it was set back", async () => {
  const { first, others, world } = await grown("ahead")
  await using _world = world
  first.skewMs = HOUR_MS
  for (const { firstKey } of others) world.lines.cut(first.firstKey, firstKey)
  others[0]?.keeper.renew()
  await world.pass(MINUTE_MS)
  const renewed = currentGeneration(world.custody)
  expect([...(renewed?.sharings.entries() ?? [])].map(([path]) => path).toSorted()).toEqual(["/b", "/c", "/d", "/e"])
  first.skewMs = 0
  world.lines.mendAll()
  await world.pass(3 * MINUTE_MS)
  expect(currentGeneration(world.custody)?.sharings.has(first.path)).toBe(true)
})

test("a clock that is set forward does not make a key generation stuck that has just begun", async () => {
  const { first, others, world } = await grown("forward")
  await using _world = world
  for (const machine of others.slice(2)) await machine.stop()
  first.keeper.renew()
  await world.pass(MINUTE_MS)
  const begun = startingGeneration(world.custody)?.generation
  expect(begun).toBe((currentGeneration(world.custody)?.generation ?? 0) + 1)
  first.skewMs = HOUR_MS
  await world.pass(2 * MINUTE_MS)
  expect(startingGeneration(world.custody)?.generation).toBe(begun)
  await world.pass(10 * MINUTE_MS)
  expect(startingGeneration(world.custody)).toBeUndefined()
})

test("a clock that is set forward does not end a join that waits", async () => {
  const { others, world } = await grown("patient")
  await using _world = world
  for (const machine of others.slice(1)) await machine.stop()
  const { context, desk, keeper } = await world.add("f")
  const joining = joinCustody({ context, desk, keeper }, { unlock: "auto" }, { signal: new AbortController().signal })
  await world.pass(MINUTE_MS)
  for (const machine of world.machines) machine.skewMs = HOUR_MS
  await world.pass(MINUTE_MS)
  for (const machine of others.slice(1)) await machine.start()
  await world.pass(5 * MINUTE_MS)
  expect(unwrap(await joining)).toMatchObject({ kind: "member" })
})
