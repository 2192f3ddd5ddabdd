import { equalBytes, ok, refuse, type Result } from "@keygrove/base"
import type { Primitives } from "@keygrove/crypto"
import { isSameNode, type NodeReference } from "@keygrove/hierarchy"
import { findHolder, findNodeByKey, type LedgerState } from "@keygrove/ledger"
import {
  findSharing,
  hasWiped,
  indexIn,
  sharingIdOf,
  thresholdOf,
  type CustodyMember,
  type CustodyState,
  type GenerationState,
  type KeyGeneration,
  type PieceIndex,
} from "@keygrove/pieces"
import type { PieceRequest } from "./piece-requests.ts"

/** What a member knows when it judges a request about pieces. */
export interface CustodyView {
  readonly state: LedgerState
  /** Of the cluster that {@link self} is of. */
  readonly custody: CustodyState
  readonly self: NodeReference
}

/** A piece that a holder is asked to keep. */
export interface AdmittedPiece {
  readonly owner: CustodyMember
  readonly generation: GenerationState
  /** Of the holder. */
  readonly index: PieceIndex
}

export type OfferRefusal =
  | "MEMBER_UNKNOWN"
  | "KEY_GENERATION_UNKNOWN"
  | "KEY_GENERATION_FOREIGN"
  | "PIECE_OFFER_INVALID"
  | "SHARING_MOVING"
  | "PIECE_CONFLICT"

type Offer = Extract<PieceRequest, { readonly op: "offer" }>

/** Whether an owner's piece is taken from `from` (the channel's key). */
export function admitOffer(
  primitives: Pick<Primitives, "sha256">,
  view: CustodyView,
  from: Uint8Array,
  offer: Offer,
): Result<AdmittedPiece & { readonly sharing: Uint8Array }, OfferRefusal> {
  const { custody, self } = view
  const owner = callingMember(view, from)
  if (!owner.ok) return owner
  const generation = openGeneration(view, offer.generation)
  if (!generation.ok) return generation
  const index = indexIn(custody, generation.value, self.path)
  const areMembers =
    index !== undefined && indexIn(custody, generation.value, owner.value.path) !== undefined && owner.value.path !== self.path
  if (!areMembers || hasWiped(custody, self.path, offer.generation))
    return refuse(
      "KEY_GENERATION_FOREIGN",
      `${owner.value.path} and ${self.path} are not both members of key generation ${offer.generation} with pieces in it`,
    )
  const needed = thresholdOf(generation.value)
  if (offer.index !== index || offer.commitments.length !== needed)
    return refuse(
      "PIECE_OFFER_INVALID",
      `the piece of ${self.path} has index ${index} and ${needed} commitments; got ${offer.index} and ${offer.commitments.length}`,
    )
  if (!isKeyOf(view, offer.sender, owner.value))
    return refuse(
      "PIECE_OFFER_INVALID",
      "the piece was sealed under a key that was never its owner's; share again in the next key generation",
    )
  if (generation.value.attempts.has(owner.value.path))
    return refuse("SHARING_MOVING", "the owner's storage key is being moved to this key generation by other members; wait until it is")
  const sharing = sharingIdOf(primitives, { owner: { cluster: self.cluster, path: owner.value.path }, ...offer })
  const standing = generation.value.sharings.get(owner.value.path)
  if (standing !== undefined && !equalBytes(standing.id, sharing))
    return refuse("PIECE_CONFLICT", "the owner has another sharing in this key generation; wait for the next one")
  return ok({ owner: owner.value, generation: generation.value, index, sharing })
}

/**
 * What a holder does with a piece that it was sent, when it keeps `kept` of this owner and key generation: never two. What an earlier attempt brought gives way, as it can not end any more; the
 * ledger has to have the attempt of the new one.
 */
export function judgeKept(
  kept: { readonly sharing: Uint8Array; readonly attempt: number } | undefined,
  sent: { readonly sharing: Uint8Array; readonly attempt: number },
): Result<"take" | "has", "PIECE_CONFLICT"> {
  if (kept === undefined || kept.attempt < sent.attempt) return ok("take")
  if (kept.attempt === sent.attempt && equalBytes(kept.sharing, sent.sharing)) return ok("has")
  return refuse("PIECE_CONFLICT", "another piece of this owner and key generation is kept already; no node may hold two")
}

/** The member that a caller is. */
export function callingMember({ custody, self, state }: CustodyView, from: Uint8Array): Result<CustodyMember, "MEMBER_UNKNOWN"> {
  const node = findNodeByKey(state, from)
  const member = node?.cluster === self.cluster ? custody.members.get(node.path) : undefined
  return member === undefined ? refuse("MEMBER_UNKNOWN", "the caller is no member that keeps key pieces in this cluster") : ok(member)
}

/** Whether a signing key is or was a member's, since its node is the one that it is. */
export function isKeyOf({ self, state }: CustodyView, signingKey: Uint8Array, { path }: Pick<CustodyMember, "path">): boolean {
  const node = findHolder(state, signingKey)
  return node !== undefined && isSameNode(node, { cluster: self.cluster, path })
}

function openGeneration({ custody }: CustodyView, generation: KeyGeneration): Result<GenerationState, "KEY_GENERATION_UNKNOWN"> {
  const open = custody.generations.get(generation)
  if (open !== undefined) return ok(open)
  return refuse(
    "KEY_GENERATION_UNKNOWN",
    `key generation ${generation} is over or has not begun; the last one is ${custody.lastGeneration}`,
  )
}

export type PieceMoveRefusal = "MEMBER_UNKNOWN" | "KEY_GENERATION_UNKNOWN" | "REDISTRIBUTION_ATTEMPT_WRONG" | "SHARING_UNKNOWN"

type Move = Pick<Extract<PieceRequest, { readonly op: "subshare" }>, "owner" | "from" | "generation" | "attempt">

/** A move of an owner's sharing that is under way. */
export interface AdmittedMove {
  readonly owner: CustodyMember
  readonly from: GenerationState
  /** Of the sharing that moves. */
  readonly sharing: Uint8Array
  readonly commitments: readonly Uint8Array[]
  readonly to: GenerationState
}

/** Whether `from` coordinates the newest attempt to move an owner's sharing, which is the one it names. */
export function admitMove(view: CustodyView, from: Uint8Array, move: Move): Result<AdmittedMove, PieceMoveRefusal> {
  const { custody, self } = view
  const coordinator = callingMember(view, from)
  if (!coordinator.ok) return coordinator
  const to = openGeneration(view, move.generation)
  if (!to.ok) return to
  const older = openGeneration(view, move.from)
  if (!older.ok) return older
  const owner = custody.members.get(move.owner)
  const attempt = to.value.attempts.get(move.owner)
  if (attempt === undefined || attempt.attempt !== move.attempt || attempt.from !== move.from || attempt.by !== coordinator.value.path)
    return refuse(
      "REDISTRIBUTION_ATTEMPT_WRONG",
      `the ledger has no attempt ${move.attempt} of the caller to move this sharing, or a newer one`,
    )
  const sharing = findSharing(custody, move.owner, move.from)
  if (owner === undefined || sharing === undefined || move.owner === self.path)
    return refuse("SHARING_UNKNOWN", "the owner has no sharing that could be moved, or is the node that is asked")
  return ok({ owner, from: older.value, sharing: sharing.id, commitments: sharing.commitments, to: to.value })
}

/** Whether contributions are as many as the old sharing needs, each of another standing holder of it and under a key of that one. */
export function admitContributions(
  view: CustodyView,
  { commitments, from, to }: AdmittedMove,
  contributions: Extract<PieceRequest, { readonly op: "redistribute" }>["contributions"],
): Result<true, "REDISTRIBUTION_CONTRIBUTIONS_WRONG"> {
  const indices = new Set(contributions.map(({ index }) => index))
  if (contributions.length !== commitments.length || indices.size !== contributions.length)
    return refuse(
      "REDISTRIBUTION_CONTRIBUTIONS_WRONG",
      `the old sharing needs ${commitments.length} contributions, each of another holder; got ${contributions.length}`,
    )
  const needed = thresholdOf(to)
  for (const { commitments: own, index, sender } of contributions) {
    if (own.length !== needed)
      return refuse(
        "REDISTRIBUTION_CONTRIBUTIONS_WRONG",
        `contribution ${index} has ${own.length} commitments; the new sharing needs ${needed}`,
      )
    const holder = from.members[index - 1]
    if (holder === undefined || indexIn(view.custody, from, holder.path) !== index || !isKeyOf(view, sender, holder))
      return refuse(
        "REDISTRIBUTION_CONTRIBUTIONS_WRONG",
        `contribution ${index} is of no standing holder of the old sharing, or under a key that was never its`,
      )
  }
  return ok(true)
}
