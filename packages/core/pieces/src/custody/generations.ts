import { OrderedMap } from "@keygrove/base"
import type { NodePath } from "@keygrove/hierarchy"
import { majorityOf, MIN_CUSTODY_MEMBERS } from "../numbers.ts"
import { MAX_OPEN_GENERATIONS } from "./limits.ts"
import { hasOtherMembers, indexIn, startingGeneration } from "./look-ups.ts"
import { withoutPieces } from "./members.ts"
import { retireGenerations } from "./retirement.ts"
import { denied, granted, type CustodyRuling, type CustodyVoidReason, type PlacedCustody } from "./ruling.ts"
import type { CustodyState, GenerationState } from "./state.ts"
import type { NamedGeneration, PiecesWiped } from "./statements/generation.ts"

/** A member starts the next generation. One that is starting with other members is over by that. */
export function applyGenerationStarted(custody: CustodyState, { author, body, index }: PlacedCustody<NamedGeneration>): CustodyRuling {
  const reason = startObjection(custody, author, body)
  if (reason !== undefined) return denied(reason)
  const generation: GenerationState = {
    generation: body.generation,
    startedAt: index,
    startedBy: author,
    members: [...custody.members.values()].map(({ path, since }) => ({ path, since })),
    sharings: OrderedMap.empty(),
    attempts: OrderedMap.empty(),
  }
  const { generations } = withoutStarting(custody)
  return granted({ ...custody, lastGeneration: body.generation, generations: generations.set(body.generation, generation) })
}

function startObjection(custody: CustodyState, author: NodePath, { generation }: NamedGeneration): CustodyVoidReason | undefined {
  const { generations, lastGeneration, members } = custody
  if (!members.has(author)) return "MEMBER_UNKNOWN"
  if (generation !== lastGeneration + 1) return "KEY_GENERATION_NUMBER_WRONG"
  if (members.size < MIN_CUSTODY_MEMBERS) return "KEY_GENERATION_MEMBERS_FEW"
  const starting = startingGeneration(custody)
  if (starting !== undefined && !hasOtherMembers(custody, starting)) return "KEY_GENERATION_STARTING"
  const complete = generations.size - (starting === undefined ? 0 : 1)
  return complete >= MAX_OPEN_GENERATIONS ? "KEY_GENERATION_LIMIT" : undefined
}

/** A member aborts the generation that is starting. No limit stands in its way. */
export function applyGenerationAborted(custody: CustodyState, { author, body }: PlacedCustody<NamedGeneration>): CustodyRuling {
  if (!custody.members.has(author)) return denied("MEMBER_UNKNOWN")
  const generation = custody.generations.get(body.generation)
  if (generation === undefined) return denied("KEY_GENERATION_UNKNOWN")
  if (generation.completedAt !== undefined) return denied("KEY_GENERATION_COMPLETE")
  return granted(withoutStarting(custody))
}

/** A holder has no piece any more of generations up to one. It may say so of open ones too: then it keeps nothing there. No limit stands in its way. */
export function applyPiecesWiped(custody: CustodyState, { author, body }: PlacedCustody<PiecesWiped>): CustodyRuling {
  const member = custody.members.get(author)
  if (member === undefined) return denied("MEMBER_UNKNOWN")
  if (body.upTo <= member.wipedUpTo || body.upTo > custody.lastGeneration) return denied("PIECES_WIPED_STALE")
  let { generations } = custody
  for (const [number, generation] of custody.generations.entries()) {
    const index = number <= body.upTo ? indexIn(custody, generation, author) : undefined
    if (index !== undefined) generations = generations.set(number, withoutPieces(generation, index))
  }
  const members = custody.members.set(author, { ...member, wipedUpTo: body.upTo })
  return granted(retireGenerations({ ...custody, generations, members }))
}

/** Custody with a changed generation, which may be complete by it, so that others retire. */
export function withGeneration(custody: CustodyState, generation: GenerationState, index: number): CustodyState {
  const isNowComplete = generation.completedAt === undefined && generation.sharings.size >= majorityOf(generation.members.length)
  const judged = isNowComplete ? { ...generation, completedAt: index } : generation
  return retireGenerations({ ...custody, generations: custody.generations.set(judged.generation, judged) })
}

function withoutStarting(custody: CustodyState): CustodyState {
  const starting = startingGeneration(custody)
  return starting === undefined ? custody : { ...custody, generations: custody.generations.delete(starting.generation) }
}
