import { ok, unwrap, type Result } from "@keygrove/base"
import type { UnlockProgress } from "@keygrove/service"
import type { Machine } from "./machine.ts"
import { PieceWorld } from "./piece-world.ts"

/** A world whose members have shared and hold everything. */
export async function grown(seed: string, names: string, unlock: "auto" | "approve" = "auto"): Promise<PieceWorld> {
  const world = await PieceWorld.plant(seed)
  for (const name of names) await world.add(name)
  for (const machine of world.machines) unwrap(await machine.announce(unlock))
  await world.pass(30_000)
  return world
}

/** The machine with a name. */
export function machineOf(world: PieceWorld, name: string): Machine {
  const machine = world.machines.find((each) => each.name === name)
  if (machine === undefined) throw new TypeError(`there is no ${name}`)
  return machine
}

/** Has pieces open a machine again, within some time of its clock; how far it came at last. */
export async function reopen(
  world: PieceWorld,
  machine: Machine,
  withinMs = 0,
): Promise<{ readonly code: string; readonly last?: UnlockProgress }> {
  await machine.stop()
  const over = new AbortController()
  const seen: { last?: UnlockProgress } = {}
  const opening: Promise<Result<unknown>> = machine
    .startByPieces(over, (progress) => (seen.last = progress))
    .catch((error: unknown) => (over.signal.aborted ? ok("gave up") : Promise.reject(error)))
  await world.pass(withinMs)
  over.abort()
  const opened = await opening
  await world.settle()
  return { code: opened.ok ? (machine.isRunning ? "unlocked" : "gave up") : opened.code, ...seen }
}

/** Owners of the pieces on a machine's disk, by generation. */
export function kept(machine: Machine): readonly string[] {
  return machine.desk
    .pieces()
    .map(({ generation, owner }) => `${generation}${owner}`)
    .toSorted()
}
