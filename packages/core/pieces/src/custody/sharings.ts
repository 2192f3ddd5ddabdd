import { equalBytes } from "@keygrove/base"
import type { NodePath } from "@keygrove/hierarchy"
import type { PieceIndex } from "../numbers.ts"
import { sharingIdOf } from "../sharing-id.ts"
import { withGeneration } from "./generations.ts"
import { findSharing, hasWiped, indexIn, memberAt, nextAttempt, sharingsOf } from "./look-ups.ts"
import { retireGenerations } from "./retirement.ts"
import { denied, granted, type CustodyRuling, type CustodyTools, type CustodyVoidReason, type PlacedCustody } from "./ruling.ts"
import { pieceReceiptBytes } from "./signatures.ts"
import { thresholdOf, type CustodyState, type GenerationState, type Sharing } from "./state.ts"
import type { HeldPiece, PiecesHeld } from "./statements/pieces-held.ts"
import type { PieceReceipt, PiecesRedistributed, PiecesShared, RedistributionStarted } from "./statements/sharing.ts"

type Shown = PlacedCustody<PiecesShared | PiecesRedistributed>

/** An owner has shared its storage key in a generation. */
export function applyPiecesShared(tools: CustodyTools, custody: CustodyState, entry: PlacedCustody<PiecesShared>): CustodyRuling {
  const { author, body } = entry
  const generation = openGeneration(custody, entry)
  if (typeof generation === "string") return denied(generation)
  if (generation.sharings.has(author)) return denied("SHARING_DUPLICATE")
  // A receipt of an attempt takes the place of one given to the owner, so these do not count any more.
  if (generation.attempts.has(author)) return denied("SHARING_MOVING")
  const [storageKey] = body.commitments
  const isReused = sharingsOf(custody, author).some(({ sharing }) => isSamePoint(sharing.commitments[0], storageKey))
  if (isReused) return denied("STORAGE_KEY_REUSED")
  return withShown(tools, custody, { entry, generation, owner: author, attempt: 0 })
}

/** A member begins to move the sharing of an owner, which has none in a complete generation, from an earlier one. */
export function applyRedistributionStarted(custody: CustodyState, entry: PlacedCustody<RedistributionStarted>): CustodyRuling {
  const { attempt, from, owner } = entry.body
  const generation = openGeneration(custody, entry)
  if (typeof generation === "string") return denied(generation)
  if (generation.completedAt === undefined) return denied("KEY_GENERATION_INCOMPLETE")
  if (owner === entry.author || indexIn(custody, generation, owner) === undefined) return denied("REDISTRIBUTION_OWNER_WRONG")
  if (generation.sharings.has(owner)) return denied("SHARING_DUPLICATE")
  if (findSharing(custody, owner, from) === undefined) return denied("SHARING_UNKNOWN")
  if (attempt !== nextAttempt(generation, owner)) return denied("REDISTRIBUTION_ATTEMPT_WRONG")
  const attempts = generation.attempts.set(owner, { owner, attempt, from, by: entry.author })
  return granted({ ...custody, generations: custody.generations.set(generation.generation, { ...generation, attempts }) })
}

/** The newest attempt has ended. */
export function applyPiecesRedistributed(
  tools: CustodyTools,
  custody: CustodyState,
  entry: PlacedCustody<PiecesRedistributed>,
): CustodyRuling {
  const { commitments, from, owner } = entry.body
  const generation = openGeneration(custody, entry)
  if (typeof generation === "string") return denied(generation)
  if (generation.sharings.has(owner)) return denied("SHARING_DUPLICATE")
  const newest = generation.attempts.get(owner)
  if (newest === undefined || newest.by !== entry.author || newest.from !== from) return denied("REDISTRIBUTION_ATTEMPT_WRONG")
  const before = findSharing(custody, owner, from)
  if (before === undefined) return denied("SHARING_UNKNOWN")
  if (!isSamePoint(before.commitments[0], commitments[0])) return denied("STORAGE_KEY_WRONG")
  return withShown(tools, custody, { entry, generation, owner, attempt: newest.attempt, moved: { from, by: entry.author } })
}

/** A holder keeps pieces whose receipts came too late; all that it names, or the statement is void. */
export function applyPiecesHeld(custody: CustodyState, entry: PlacedCustody<PiecesHeld>): CustodyRuling {
  if (!custody.members.has(entry.author)) return denied("MEMBER_UNKNOWN")
  let { generations } = custody
  for (const piece of entry.body.held) {
    const index = heldIndex(custody, entry.author, piece)
    if (typeof index === "string") return denied(index)
    const generation = generations.get(piece.generation)
    const sharing = generation?.sharings.get(piece.owner)
    if (generation === undefined || sharing === undefined) return denied("SHARING_UNKNOWN")
    const held = [...sharing.held, index].toSorted((a, b) => a - b)
    const sharings = generation.sharings.set(piece.owner, { ...sharing, held })
    generations = generations.set(piece.generation, { ...generation, sharings })
  }
  return granted(retireGenerations({ ...custody, generations }))
}

function heldIndex(custody: CustodyState, holder: NodePath, piece: HeldPiece): PieceIndex | CustodyVoidReason {
  const generation = custody.generations.get(piece.generation)
  if (generation === undefined) return "KEY_GENERATION_UNKNOWN"
  const index = indexIn(custody, generation, holder)
  if (index === undefined) return "KEY_GENERATION_FOREIGN"
  const sharing = generation.sharings.get(piece.owner)
  if (sharing === undefined || !equalBytes(sharing.id, piece.sharing)) return "SHARING_UNKNOWN"
  const isWrong = piece.owner === holder || sharing.held.includes(index) || hasWiped(custody, holder, piece.generation)
  return isWrong ? "PIECE_HELD_WRONG" : index
}

/** The generation that an author speaks of, when it is a standing member of it. */
function openGeneration(
  custody: CustodyState,
  { author, body }: PlacedCustody<{ readonly generation: number }>,
): GenerationState | CustodyVoidReason {
  if (!custody.members.has(author)) return "MEMBER_UNKNOWN"
  const generation = custody.generations.get(body.generation)
  if (generation === undefined) return "KEY_GENERATION_UNKNOWN"
  return indexIn(custody, generation, author) === undefined ? "KEY_GENERATION_FOREIGN" : generation
}

/** A sharing that is shown, before its receipts are checked. */
interface Showing {
  readonly entry: Shown
  readonly generation: GenerationState
  readonly owner: NodePath
  readonly attempt: number
  readonly moved?: NonNullable<Sharing["moved"]>
}

function withShown(tools: CustodyTools, custody: CustodyState, showing: Showing): CustodyRuling {
  const { entry, generation, moved, owner } = showing
  const { commitments, receipts } = entry.body
  if (commitments.length !== thresholdOf(generation)) return denied("SHARING_THRESHOLD_WRONG")
  const id = sharingIdOf(tools.primitives, {
    owner: { cluster: entry.cluster, path: owner },
    generation: generation.generation,
    commitments,
  })
  const reason = receiptsObjection(tools, custody, { ...showing, id })
  if (reason !== undefined) return denied(reason)
  const held = receipts.map(({ index }) => index)
  const sharing: Sharing = { owner, id, commitments, held, at: entry.index, ...(moved === undefined ? {} : { moved }) }
  const sharings = generation.sharings.set(owner, sharing)
  return granted(withGeneration(custody, { ...generation, sharings, attempts: generation.attempts.delete(owner) }, entry.index))
}

/** Signatures come last: there are up to 254. */
function receiptsObjection(
  { primitives, signingKeyOf }: CustodyTools,
  custody: CustodyState,
  { attempt, entry, generation, id, owner }: Showing & { readonly id: Uint8Array },
): CustodyVoidReason | undefined {
  const { receipts } = entry.body
  if (receipts.length < thresholdOf(generation)) return "PIECE_RECEIPTS_FEW"
  const holders: (PieceReceipt & { readonly holder: NodePath; readonly key: Uint8Array })[] = []
  for (const receipt of receipts) {
    const holder = memberAt(custody, generation, receipt.index)?.path
    const key = holder === undefined ? undefined : signingKeyOf(holder)
    const isWrong = holder === undefined || holder === owner || hasWiped(custody, holder, generation.generation)
    if (isWrong || key === undefined) return "PIECE_RECEIPT_HOLDER_WRONG"
    holders.push({ ...receipt, holder, key })
  }
  const about = { cluster: entry.cluster, owner, generation: generation.generation, sharing: id, attempt }
  const areValid = holders.every(({ holder, index, key, signature }) =>
    primitives.ed25519.verify(key, pieceReceiptBytes({ ...about, index, holder }), signature),
  )
  return areValid ? undefined : "PIECE_RECEIPT_INVALID"
}

function isSamePoint(a: Uint8Array | undefined, b: Uint8Array | undefined): boolean {
  return a !== undefined && b !== undefined && equalBytes(a, b)
}
