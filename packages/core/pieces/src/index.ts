export { pieceErrors } from "./errors.ts"
export {
  decodeKeyGeneration,
  decodePieceIndex,
  majorityOf,
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
