import { ok, refuse, type Brand, type Result } from "@keygrove/base"

/** Which piece of a sharing: the argument of its polynomial, 1 to {@link MAX_CUSTODY_MEMBERS}. The place of the holder among the members of the generation, counted from 1. */
export type PieceIndex = Brand<number, "PieceIndex">
/** Counter of a cluster's rounds of sharing, from 1. Not the generation of a node, which its parent raises. */
export type KeyGeneration = Brand<number, "KeyGeneration">

/** Most members of one generation; each holds a piece of every other. */
export const MAX_CUSTODY_MEMBERS = 255
/** Fewest members: with two, one piece alone would be the storage key. */
export const MIN_CUSTODY_MEMBERS = 3
/** Highest key generation. */
export const MAX_KEY_GENERATION = 0xffff_ffff

/** Checks the index of a piece. */
export function decodePieceIndex(value: unknown): Result<PieceIndex, "PIECE_INDEX_INVALID"> {
  if (typeof value === "number" && Number.isSafeInteger(value) && value >= 1 && value <= MAX_CUSTODY_MEMBERS) return ok(value as PieceIndex)
  return refuse("PIECE_INDEX_INVALID", `a piece has an index from 1 to ${MAX_CUSTODY_MEMBERS}`)
}

/** Checks the number of a key generation. */
export function decodeKeyGeneration(value: unknown): Result<KeyGeneration, "KEY_GENERATION_INVALID"> {
  if (typeof value === "number" && Number.isSafeInteger(value) && value >= 1 && value <= MAX_KEY_GENERATION)
    return ok(value as KeyGeneration)
  return refuse("KEY_GENERATION_INVALID", `a key generation is a whole number from 1 to ${MAX_KEY_GENERATION}`)
}

/** More than half of so many: any two majorities have somebody in common. */
export function majorityOf(members: number): number {
  return Math.floor(members / 2) + 1
}

/**
 * Pieces that give a storage key back, of a generation with so many members: a majority of those who hold one, which are all but the owner. A majority of all would be every
 * holder there is where the members are four, and one machine that is off would stand in the way of everything.
 */
export function piecesNeeded(members: number): number {
  return majorityOf(members - 1)
}
