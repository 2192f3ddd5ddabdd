import { OrderedMap } from "@keygrove/base"
import type { NodePath } from "@keygrove/hierarchy"
import { piecesNeeded, type KeyGeneration, type PieceIndex } from "../numbers.ts"
import type { EvidenceDemand } from "./evidence-demand.ts"
import type { UnlockMode } from "./statements/membership.ts"

/** A node that takes part: it keeps pieces of the others, and they keep its. */
export interface CustodyMember {
  readonly path: NodePath
  /** Index of the ledger's entry by which it became a member. One that leaves, or ends, and joins again is another member. */
  readonly since: number
  readonly revision: number
  /** Ed25519, 32 bytes. */
  readonly bootSigningKey: Uint8Array
  /** X25519, 32 bytes. */
  readonly bootSealingKey: Uint8Array
  readonly unlock: UnlockMode
  readonly evidence?: EvidenceDemand
  readonly addresses: readonly string[]
  /** It has no piece of generations up to this one, and will have none; 0 for none. */
  readonly wipedUpTo: number
}

/** A member as a generation counts it, also when it is none any more. */
export type GenerationMember = Pick<CustodyMember, "path" | "since">

/** One owner's storage key in one generation. */
export interface Sharing {
  readonly owner: NodePath
  /** `sharingIdOf`, 32 bytes. */
  readonly id: Uint8Array
  /** Compressed points, 33 bytes each; the first is the storage key's public key. */
  readonly commitments: readonly Uint8Array[]
  /** Pieces that members keep, by their word, ascending. */
  readonly held: readonly PieceIndex[]
  /** Index of the ledger's entry that brought it. */
  readonly at: number
  /** How it came here when the owner did not share by itself: from which generation, and who moved it. */
  readonly moved?: { readonly from: KeyGeneration; readonly by: NodePath }
}

/** The newest attempt to move an owner's sharing into a generation. */
export interface RedistributionAttempt {
  readonly owner: NodePath
  /** From 1. */
  readonly attempt: number
  readonly from: KeyGeneration
  /** Who may end it. */
  readonly by: NodePath
}

/** A key generation that is starting, or complete and not retired. */
export interface GenerationState {
  readonly generation: KeyGeneration
  readonly startedAt: number
  readonly startedBy: NodePath
  /** Everybody who stood when it started, by path: the member at place i (from 0) has the pieces with index i + 1. */
  readonly members: readonly GenerationMember[]
  /** Index of the entry with which a majority had shared; absent while it is starting. What is complete stays so. */
  readonly completedAt?: number
  /** By owner; of standing members only. */
  readonly sharings: OrderedMap<NodePath, Sharing>
  /** By owner; those that have not ended. */
  readonly attempts: OrderedMap<NodePath, RedistributionAttempt>
}

/** What the ledger says about the pieces of one cluster: never what is in them. Immutable: a reference to it is a snapshot. */
export interface CustodyState {
  /** Standing members, by path. */
  readonly members: OrderedMap<NodePath, CustodyMember>
  /** Last revision of nodes that stand and left, by path. */
  readonly left: OrderedMap<NodePath, number>
  /** The highest number that a generation ever had; 0 before the first. */
  readonly lastGeneration: number
  /** Those that are starting or complete, by number. One that is starting is the last. */
  readonly generations: OrderedMap<number, GenerationState>
}

/** Nobody is a member. */
export function emptyCustody(): CustodyState {
  return { members: OrderedMap.empty(), left: OrderedMap.empty(), lastGeneration: 0, generations: OrderedMap.empty() }
}

/** Pieces of a generation that give a storage key back. */
export function thresholdOf({ members }: Pick<GenerationState, "members">): number {
  return piecesNeeded(members.length)
}

/** Whether what a generation counts as its member stands as that member. */
export function isStanding(custody: Pick<CustodyState, "members">, { path, since }: GenerationMember): boolean {
  return custody.members.get(path)?.since === since
}
