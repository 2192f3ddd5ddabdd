import type { NodePath } from "@keygrove/hierarchy"
import { hasWiped, membersOf } from "./look-ups.ts"
import { thresholdOf, type CustodyState, type GenerationState, type Sharing } from "./state.ts"

/**
 * Custody without the generations that are retired: complete ones before the newest complete one, on which no owner depends any more. An owner depends on its sharing in one while no newer complete
 * one has a sharing of it that enough holders keep; on one that can never be opened again, because too few holders are left, nobody depends. An owner that never shared in a generation loses
 * nothing with it, so one that is away for ever keeps none.
 */
export function retireGenerations(custody: CustodyState): CustodyState {
  const complete = [...custody.generations.values()].filter(({ completedAt }) => completedAt !== undefined).toReversed()
  const covered = new Set<NodePath>()
  let { generations } = custody
  for (const [place, generation] of complete.entries()) {
    const sharings = [...generation.sharings.values()]
    const isNeeded = place === 0 || sharings.some((sharing) => !covered.has(sharing.owner) && canBeOpened(custody, generation, sharing))
    if (!isNeeded) generations = generations.delete(generation.generation)
    for (const { held, owner } of sharings) if (held.length >= thresholdOf(generation)) covered.add(owner)
  }
  return generations === custody.generations ? custody : { ...custody, generations }
}

/** Whether enough members may have a piece: those that stand and did not say that they wiped it, also before they say that they keep it. */
function canBeOpened(custody: CustodyState, generation: GenerationState, { owner }: Sharing): boolean {
  const possible = membersOf(custody, generation).filter(
    ({ member }) => member.path !== owner && !hasWiped(custody, member.path, generation.generation),
  )
  return possible.length >= thresholdOf(generation)
}
