export {
  decodeChainAnswer,
  decodeChainRequest,
  encodeChainAnswer,
  encodeChainRequest,
  MAX_CHAIN_MESSAGE_BYTES,
  type ChainAnswer,
  type ChainRequest,
} from "./chain-messages.ts"
export {
  decodeJoinAnswer,
  decodeJoinRequest,
  encodeJoinAnswer,
  encodeJoinRequest,
  MAX_JOIN_MESSAGE_BYTES,
  type JoinAnswer,
  type JoinRequest,
} from "./join-messages.ts"
export { judgeJoin, type JoinCase, type JoinRefusal, type JoinVerdict } from "./judge-join.ts"
export { standingOfKey, type KeyStanding } from "./key-standing.ts"
export {
  decodeLedgerAnswer,
  decodeLedgerRequest,
  encodeLedgerAnswer,
  encodeLedgerRequest,
  MAX_LEDGER_MESSAGE_BYTES,
  MAX_LEDGER_WAIT_MS,
  type LedgerAnswer,
  type LedgerHostRefusal,
  type LedgerRequest,
} from "./ledger-messages.ts"
export {
  decodeMoveAnswer,
  decodeMoveRequest,
  encodeMoveAnswer,
  encodeMoveRequest,
  type MoveAnswer,
  type MoveRequest,
} from "./move-messages.ts"
export {
  admitReencrypt,
  admitRemoval,
  admitStore,
  MAX_CLOCK_SKEW_MS,
  standingPolicy,
  type ProxyView,
  type ReencryptRefusal,
  type StoreRefusal,
} from "./admission.ts"
export {
  confirmable,
  confirmationSignBytes,
  MEETING_GRACE_MS,
  MEETING_MS,
  scanMeeting,
  showMeeting,
  type Meeting,
  type MeetingEvent,
  type MeetingParty,
  type MeetingRefusal,
  type MeetingStage,
  type MeetingStep,
  type MeetingTools,
  type MetParty,
} from "./meeting/meeting.ts"
export { stepMeeting } from "./meeting/step-meeting.ts"
export { nextRequest } from "./meeting/follow-answer.ts"
export {
  decodeMeetingCode,
  encodeMeetingCode,
  MEETING_ID_BYTES,
  MEETING_SECRET_BYTES,
  openMeetingCode,
  type MeetingCode,
} from "./meeting/meeting-code.ts"
export {
  decodeMeetingAnswer,
  decodeMeetingBody,
  decodeMeetingRequest,
  encodeMeetingAnswer,
  encodeMeetingBody,
  encodeMeetingRequest,
  MAX_MEETING_MESSAGE_BYTES,
  MEETING_NONCE_BYTES,
  type MeetingAnswer,
  type MeetingBody,
  type MeetingIdentity,
  type MeetingMessage,
  type MeetingRequest,
} from "./meeting/meeting-messages.ts"
export { meetingProof, meetingSignBytes, verifyMeetingMessage, type MeetingDraft, type MeetingRole } from "./meeting/meeting-proof.ts"
export { meetingWords } from "./meeting/meeting-words.ts"
export { peeringErrors, type PeeringErrorCode } from "./errors.ts"
export {
  decodeProxyAnswer,
  decodeProxyRequest,
  encodeProxyAnswer,
  encodeProxyRequest,
  MAX_PROXY_MESSAGE_BYTES,
  MAX_REQUEST_CAPSULES,
  type PolicyDraft,
  type ProxyAnswer,
  type ProxyRequest,
  type Receipt,
  type ReencryptionRequest,
} from "./proxy-messages.ts"
export { receiptSignBytes, requestSignBytes, verifyReceipt, type ExpectedReceipt } from "./proxy-signatures.ts"
export { takeToken, type Rate, type TokenBucket } from "./token-bucket.ts"
export {
  decodePieceRequest,
  encodePieceRequest,
  MAX_PIECE_MESSAGE_BYTES,
  MAX_SEALED_PIECE_BYTES,
  MAX_CARRIED_NONCES,
  type CarriedContribution,
  type CarriedEvidence,
  type PieceRequest,
  type UnlockApproval,
} from "./pieces/piece-requests.ts"
export {
  decodePieceAnswer,
  encodePieceAnswer,
  isAnswerTo,
  type AnswerTo,
  type CarriedSubpiece,
  type PieceAnswer,
} from "./pieces/piece-answers.ts"
export {
  admitContributions,
  admitMove,
  admitOffer,
  callingMember,
  isKeyOf,
  judgeKept,
  type AdmittedMove,
  type AdmittedPiece,
  type CustodyView,
  type OfferRefusal,
  type PieceMoveRefusal,
} from "./pieces/piece-admission.ts"
export { judgeEvidence, type EvidencedUnlock, type EvidenceRefusal } from "./pieces/unlock-evidence.ts"
export { admitReturn, callingOwner, isApproved, type AdmittedUnlock, type UnlockRefusal } from "./pieces/unlock-admission.ts"
