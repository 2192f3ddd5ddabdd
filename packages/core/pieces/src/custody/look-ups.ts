import { equalBytes, unwrap } from "@keygrove/base"
import type { NodePath } from "@keygrove/hierarchy"
import { decodeKeyGeneration, decodePieceIndex, MIN_CUSTODY_MEMBERS, type KeyGeneration, type PieceIndex } from "../numbers.ts"
import {
  isStanding,
  type CustodyMember,
  type CustodyState,
  type GenerationState,
  type RedistributionAttempt,
  type Sharing,
} from "./state.ts"

/** A sharing with the generation that it is in. */
export interface PlacedSharing {
  readonly generation: GenerationState
  readonly sharing: Sharing
}

/** Who may keep or keeps a piece. */
export interface PieceHolder {
  readonly index: PieceIndex
  readonly member: CustodyMember
}

/** A piece that somebody has on its disk. */
export interface StoredPieceReference {
  readonly owner: NodePath
  readonly generation: KeyGeneration
  /** `sharingIdOf`, 32 bytes. */
  readonly sharing: Uint8Array
  /** The attempt that brought it; 0 when the owner did. */
  readonly attempt: number
}

/** The newest complete generation: from its pieces members unlock, and its members are who counts. */
export function currentGeneration({ generations }: CustodyState): GenerationState | undefined {
  return [...generations.values()].findLast(({ completedAt }) => completedAt !== undefined)
}

/** The generation that has begun and in which no majority has shared yet. */
export function startingGeneration({ generations, lastGeneration }: CustodyState): GenerationState | undefined {
  const last = generations.get(lastGeneration)
  return last?.completedAt === undefined ? last : undefined
}

/** Whether a generation began and has ended: it was aborted, given up for another one, or is retired. None comes back. */
export function isOver({ generations, lastGeneration }: CustodyState, generation: KeyGeneration): boolean {
  return generation <= lastGeneration && !generations.has(generation)
}

/** Whether there are enough members for a generation, and they are not those of the newest one. */
export function needsGeneration(custody: CustodyState): boolean {
  if (custody.members.size < MIN_CUSTODY_MEMBERS) return false
  const newest = [...custody.generations.values()].at(-1)
  return newest === undefined || hasOtherMembers(custody, newest)
}

/** Whether the members that stand are others than those of a generation. */
export function hasOtherMembers(custody: CustodyState, { members }: GenerationState): boolean {
  return members.length !== custody.members.size || !members.every((member) => isStanding(custody, member))
}

/** The standing members of a generation with their indices. */
export function membersOf(custody: CustodyState, { members }: GenerationState): readonly PieceHolder[] {
  return members.flatMap(({ path, since }, place) => {
    const member = custody.members.get(path)
    return member?.since === since ? [{ index: indexAt(place), member }] : []
  })
}

/** The index of a standing member's pieces in a generation; absent for anybody else. */
export function indexIn(custody: CustodyState, { members }: GenerationState, path: NodePath): PieceIndex | undefined {
  const place = members.findIndex((member) => member.path === path && isStanding(custody, member))
  return place < 0 ? undefined : indexAt(place)
}

/** The standing member with an index. */
export function memberAt(custody: CustodyState, { members }: GenerationState, index: PieceIndex): CustodyMember | undefined {
  const counted = members[index - 1]
  return counted !== undefined && isStanding(custody, counted) ? custody.members.get(counted.path) : undefined
}

/** An owner's sharing in a generation. */
export function findSharing({ generations }: CustodyState, owner: NodePath, generation: KeyGeneration): Sharing | undefined {
  return generations.get(generation)?.sharings.get(owner)
}

/** Every standing sharing of an owner, of the newest generation first; also of one that is starting. */
export function sharingsOf({ generations }: CustodyState, owner: NodePath): readonly PlacedSharing[] {
  return [...generations.values()].toReversed().flatMap((generation) => {
    const sharing = generation.sharings.get(owner)
    return sharing === undefined ? [] : [{ generation, sharing }]
  })
}

/** The members that keep a piece of a sharing, by their word. */
export function holdersOf(custody: CustodyState, { generation, sharing }: PlacedSharing): readonly PieceHolder[] {
  const held = new Set<number>(sharing.held)
  return membersOf(custody, generation).filter(({ index }) => held.has(index))
}

/** The pieces that a member keeps, by its word. */
export function piecesHeldBy(custody: CustodyState, holder: NodePath): readonly (PlacedSharing & { readonly index: PieceIndex })[] {
  return [...custody.generations.values()].flatMap((generation) => {
    const index = indexIn(custody, generation, holder)
    if (index === undefined) return []
    return [...generation.sharings.values()].flatMap((sharing) => (sharing.held.includes(index) ? [{ generation, sharing, index }] : []))
  })
}

/** Standing members of a generation that have no sharing in it. While an attempt to move one here has not ended, the owner cannot share by itself. */
export function owersOf(
  custody: CustodyState,
  generation: GenerationState,
): readonly (PieceHolder & { readonly attempt?: RedistributionAttempt })[] {
  return membersOf(custody, generation)
    .filter(({ member }) => !generation.sharings.has(member.path))
    .map((owner) => {
      const attempt = generation.attempts.get(owner.member.path)
      return attempt === undefined ? owner : { ...owner, attempt }
    })
}

/** Owners without a sharing in a complete generation, each with the newest earlier one from which it can be moved there. */
export function movableInto(
  custody: CustodyState,
  generation: GenerationState,
): readonly { readonly owner: NodePath; readonly from: PlacedSharing }[] {
  if (generation.completedAt === undefined) return []
  return owersOf(custody, generation).flatMap(({ member: { path } }) => {
    const from = sharingsOf(custody, path).find((placed) => placed.generation.generation < generation.generation)
    return from === undefined ? [] : [{ owner: path, from }]
  })
}

/** The number that the next attempt to move an owner's sharing into a generation has. */
export function nextAttempt({ attempts }: GenerationState, owner: NodePath): number {
  return (attempts.get(owner)?.attempt ?? 0) + 1
}

/**
 * What a holder does with a piece on its disk. `standing`: the ledger has its sharing. `pending`: its owner's statement may still come, so it is kept. `over`: it can never count any more,
 * and is wiped.
 */
export function standingOfPiece(custody: CustodyState, holder: NodePath, piece: StoredPieceReference): "standing" | "pending" | "over" {
  // Our copy of the ledger may be older than the piece.
  if (piece.generation > custody.lastGeneration) return "pending"
  const generation = custody.generations.get(piece.generation)
  if (generation === undefined || piece.owner === holder) return "over"
  const areMembers = [holder, piece.owner].every((path) => indexIn(custody, generation, path) !== undefined)
  if (!areMembers || hasWiped(custody, holder, piece.generation)) return "over"
  const sharing = generation.sharings.get(piece.owner)
  if (sharing !== undefined) return equalBytes(sharing.id, piece.sharing) ? "standing" : "over"
  return piece.attempt < (generation.attempts.get(piece.owner)?.attempt ?? 0) ? "over" : "pending"
}

/** Whether a member said that it has no piece of a generation any more. */
export function hasWiped(custody: CustodyState, holder: NodePath, generation: number): boolean {
  return (custody.members.get(holder)?.wipedUpTo ?? 0) >= generation
}

/**
 * The highest generation up to which a member need keep no piece: below the first open one that it is in. What it has of those it wipes, and then says `pieces-wiped`, when this is more than it
 * has said before. `undefined` when it is no member or has said so.
 */
export function wipeableUpTo(custody: CustodyState, holder: NodePath): KeyGeneration | undefined {
  const member = custody.members.get(holder)
  if (member === undefined) return undefined
  const first = [...custody.generations.values()].find((generation) => indexIn(custody, generation, holder) !== undefined)
  const upTo = first === undefined ? custody.lastGeneration : first.generation - 1
  return upTo > member.wipedUpTo ? unwrap(decodeKeyGeneration(upTo)) : undefined
}

function indexAt(place: number): PieceIndex {
  return unwrap(decodePieceIndex(place + 1))
}
