import { unwrap } from "@keygrove/base"
import { currentGeneration, owersOf } from "@keygrove/pieces"
import { expect, test } from "vitest"
import type { Machine } from "./machine.ts"
import { PieceWorld } from "./piece-world.ts"

/** A world whose members have shared and hold everything. */
async function grown(seed: string, names: readonly string[]): Promise<PieceWorld> {
  const world = await PieceWorld.plant(seed)
  for (const name of names) await world.add(name)
  for (const machine of world.machines) unwrap(await machine.announce())
  await world.pass(30_000)
  return world
}

/** Stops a machine and has its pieces open it again. */
async function reopen(world: PieceWorld, machine: Machine): Promise<void> {
  await machine.stop()
  const opening = machine.startByPieces({ signal: AbortSignal.timeout(60_000) })
  await world.settle()
  unwrap(await opening)
  await world.settle()
}

test("three nodes become members, share, and open each other", async () => {
  await using world = await grown("three", ["a", "b", "c"])
  const current = currentGeneration(world.custody)
  expect(current?.members.map(({ path }) => path)).toEqual(["/a", "/b", "/c"])
  expect(current === undefined ? [] : owersOf(world.custody, current)).toEqual([])
  expect([...(current?.sharings.values() ?? [])].map(({ held }) => held)).toEqual([
    [2, 3],
    [1, 3],
    [1, 2],
  ])
  for (const machine of world.machines) await reopen(world, machine)
  expect(world.machines.map(({ isRunning }) => isRunning)).toEqual([true, true, true])
})
