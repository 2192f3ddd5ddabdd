import { unwrap } from "@keygrove/base"
import { expect, test } from "vitest"
import { PieceInvariants } from "./piece-invariants.ts"
import { PieceWitness } from "./piece-witness.ts"
import { PieceWorld } from "./piece-world.ts"

/** More effects than a member has in one key generation of three. */
const MAX_EFFECTS = 24

test("a process that dies at any of its effects in a key generation goes on from there", async () => {
  await using world = await PieceWorld.plant("crashes")
  const invariants = new PieceInvariants(world, new PieceWitness(world), new Set())
  for (const name of "abc") await world.add(name)
  for (const machine of world.machines) unwrap(await machine.announce())
  await world.pass(30_000)
  const [doomed] = world.machines
  if (doomed === undefined) throw new TypeError("there are three")
  let deaths = 0
  for (let atEffect = 1; atEffect <= deaths + 2 && atEffect <= MAX_EFFECTS; atEffect++) {
    const when = atEffect % 2 === 0 ? "before" : "after"
    doomed.life.arm({ atEffect, when })
    doomed.keeper.renew()
    await world.pass(5_000)
    if (doomed.isDead) deaths++
    const story = `death ${when} effect ${atEffect}`
    expect(await invariants.broken(), story).toEqual([])
    await doomed.stop()
    await doomed.start()
    // What was lost on its way is offered again.
    await world.pass(90_000)
    expect([...(await invariants.broken()), ...(await invariants.brokenAtTheEnd())], story).toEqual([])
  }
  expect(deaths).toBeGreaterThan(8)
  expect(deaths).toBeLessThan(MAX_EFFECTS)
})
