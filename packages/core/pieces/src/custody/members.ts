import type { NodePath } from "@keygrove/hierarchy"
import { MAX_CUSTODY_MEMBERS } from "../numbers.ts"
import { indexIn } from "./look-ups.ts"
import { retireGenerations } from "./retirement.ts"
import { denied, granted, type CustodyRuling, type PlacedCustody } from "./ruling.ts"
import type { CustodyMember, CustodyState, GenerationState } from "./state.ts"
import type { CustodyJoining, CustodyLeaving } from "./statements/membership.ts"

/** A node becomes a member, or a member says where it is now. Whose its boot key is, the ledger judges. */
export function applyJoined(custody: CustodyState, { author, body, index }: PlacedCustody<CustodyJoining>): CustodyRuling {
  if (body.revision <= lastRevision(custody, author)) return denied("MEMBER_REVISION_STALE")
  const before = custody.members.get(author)
  if (before === undefined && custody.members.size >= MAX_CUSTODY_MEMBERS) return denied("MEMBER_LIMIT")
  // One that was away has no piece of what began before it came back.
  const standing = before ?? { since: index, wipedUpTo: custody.lastGeneration }
  const member: CustodyMember = { ...body, path: author, since: standing.since, wipedUpTo: standing.wipedUpTo }
  return granted({ ...custody, members: custody.members.set(author, member), left: custody.left.delete(author) })
}

/** A member ends itself. No limit stands in its way. */
export function applyLeft(custody: CustodyState, { author, body }: PlacedCustody<CustodyLeaving>): CustodyRuling {
  if (!custody.members.has(author)) return denied("MEMBER_UNKNOWN")
  if (body.revision <= lastRevision(custody, author)) return denied("MEMBER_REVISION_STALE")
  const without = endMembers(custody, [author])
  return granted({ ...without, left: without.left.set(author, body.revision) })
}

/**
 * Custody without nodes that have ended, as members and as those that were: their sharings and the pieces in their hands count no more. With that a generation can retire, and none becomes
 * complete or loses that.
 */
export function endMembers(custody: CustodyState, paths: Iterable<NodePath>): CustodyState {
  let { generations, left, members } = custody
  const before = members
  for (const path of paths) {
    left = left.delete(path)
    if (!members.has(path)) continue
    for (const [number, generation] of generations.entries())
      generations = generations.set(number, withoutMember(custody, generation, path))
    members = members.delete(path)
  }
  if (members === before) return left === custody.left ? custody : { ...custody, left }
  return retireGenerations({ ...custody, generations, left, members })
}

function withoutMember(custody: CustodyState, generation: GenerationState, path: NodePath): GenerationState {
  const index = indexIn(custody, generation, path)
  if (index === undefined) return generation
  const own = { ...generation, sharings: generation.sharings.delete(path), attempts: generation.attempts.delete(path) }
  return withoutPieces(own, index)
}

/** A generation in which the holder with an index keeps nothing. */
export function withoutPieces(generation: GenerationState, index: number): GenerationState {
  let { sharings } = generation
  for (const sharing of generation.sharings.values())
    if (sharing.held.some((each) => each === index))
      sharings = sharings.set(sharing.owner, { ...sharing, held: sharing.held.filter((each) => each !== index) })
  return sharings === generation.sharings ? generation : { ...generation, sharings }
}

function lastRevision({ left, members }: CustodyState, path: NodePath): number {
  return members.get(path)?.revision ?? left.get(path) ?? 0
}
