export { applyCustody } from "./custody/apply-custody.ts"
export { evidenceDemandShape, evidenceDemandValue, type EvidenceDemand } from "./custody/evidence-demand.ts"
export {
  MAX_ACCEPTED_DIGESTS,
  MAX_ATTESTATION_KEY_BYTES,
  MAX_CUSTODY_STATEMENT_BYTES,
  MAX_HELD_PIECES,
  MAX_MEMBER_ADDRESS_CHARACTERS,
  MAX_MEMBER_ADDRESSES,
  MAX_OPEN_GENERATIONS,
  MAX_PCR,
} from "./custody/limits.ts"
export {
  currentGeneration,
  findSharing,
  hasOtherMembers,
  hasWiped,
  holdersOf,
  indexIn,
  isOver,
  memberAt,
  membersOf,
  movableInto,
  needsGeneration,
  nextAttempt,
  owersOf,
  piecesHeldBy,
  sharingsOf,
  standingOfPiece,
  startingGeneration,
  wipeableUpTo,
  type PieceHolder,
  type PlacedSharing,
  type StoredPieceReference,
} from "./custody/look-ups.ts"
export { endMembers } from "./custody/members.ts"
export type { CustodyRuling, CustodyTools, CustodyVoidReason, PlacedCustody } from "./custody/ruling.ts"
export {
  pieceReceiptBytes,
  unlockApprovalBytes,
  unlockEvidenceBytes,
  type ReceivedPiece,
  type UnlockRequest,
} from "./custody/signatures.ts"
export { decodeCustodyState, encodeCustodyState, MAX_CUSTODY_STATE_BYTES } from "./custody/state-codec.ts"
export {
  emptyCustody,
  isStanding,
  thresholdOf,
  type CustodyMember,
  type CustodyState,
  type GenerationMember,
  type GenerationState,
  type RedistributionAttempt,
  type Sharing,
} from "./custody/state.ts"
export {
  decodeCustodyStatement,
  encodeCustodyStatement,
  isCustodyKind,
  isCustodyRemoval,
  isCustodyStatement,
  type CustodyKind,
  type CustodyStatement,
} from "./custody/statement.ts"
export type { NamedGeneration, PiecesWiped } from "./custody/statements/generation.ts"
export type { CustodyJoining, CustodyLeaving, UnlockMode } from "./custody/statements/membership.ts"
export type { HeldPiece, PiecesHeld } from "./custody/statements/pieces-held.ts"
export type { PieceReceipt, PiecesRedistributed, PiecesShared, RedistributionStarted } from "./custody/statements/sharing.ts"
export { pieceErrors } from "./errors.ts"
export {
  decodeKeyGeneration,
  decodePieceIndex,
  majorityOf,
  piecesNeeded,
  MAX_CUSTODY_MEMBERS,
  MAX_KEY_GENERATION,
  MIN_CUSTODY_MEMBERS,
  type KeyGeneration,
  type PieceIndex,
} from "./numbers.ts"
export { sharingIdOf, type IdentifiedSharing } from "./sharing-id.ts"
export { combinePieces, type CombinedPieces } from "./sharing/combine-pieces.ts"
export { decodeCommitments, encodeCommitments, MIN_THRESHOLD, piecePoint, type Commitments } from "./sharing/commitments.ts"
export {
  POSSESSION_CHALLENGE_BYTES,
  POSSESSION_PROOF_BYTES,
  provePossession,
  verifyPossession,
  type PossessionSubject,
  type ProofTools,
} from "./sharing/possession.ts"
export {
  combineSubpieces,
  redistributedCommitments,
  verifySubsharing,
  type Contribution,
  type PublicContribution,
  type RedistributionRefusal,
  type SubpieceOrder,
} from "./sharing/redistribution.ts"
export { beginSharing, splitSecret, type Piece, type PieceSeries, type SharingTools, type SplitOrder } from "./sharing/split-secret.ts"
export { verifyPiece } from "./sharing/verify-piece.ts"
