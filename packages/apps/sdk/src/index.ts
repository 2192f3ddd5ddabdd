export { inspectFile } from "./files/crypt-file.ts"
export { sdkErrors } from "./errors.ts"
export {
  Keygrove,
  type CallOptions,
  type ConnectOptions,
  type DecryptionOptions,
  type EncryptionOptions,
  type GrantOrder,
  type RotateOptions,
  type UnlockOptions,
} from "./keygrove.ts"
export type { Rotation } from "./files/rotate-file.ts"
export {
  Keys,
  type ContextOptions,
  type KeyOptions,
  type KeyOrder,
  type MadeSignature,
  type SignatureOptions,
  type VersionOptions,
} from "./keys/keys.ts"
export type { OperatorDescription, OperatorResult } from "./keys/operators.ts"
export type { AuditedUse, NamedKey, NamedKeyRules, NamedKeyType, NamedKeyVersion } from "./keys/named-key.ts"
export { StartDelegation } from "./delegation.ts"
export { Pieces, type JoinTerms, type PieceProof, type UnlockRequestInfo } from "./pieces.ts"
export type { Policy } from "./policy.ts"
export type { LockState, PeersUnlocking } from "./rpc/lock-state.ts"
export type { DelegationState, StartByLabel } from "./rpc/delegation.ts"
export type { MeetingPhase, MeetingState } from "./rpc/meeting.ts"
export type { ClusterNode, ClusterNodes } from "./rpc/nodes.ts"
export { Ledger, type EtcdInfo, type EtcdMemberInfo, type LedgerEntryInfo, type LedgerInfo, type LedgerSnapshotInfo } from "./ledger.ts"
export type {
  KeyGeneration,
  PiecesEvidence,
  PiecesInGeneration,
  PiecesJoining,
  PiecesMeasurement,
  PiecesMember,
  PiecesState,
} from "./rpc/pieces.ts"
export { Trust, type TrustedClusterInfo } from "./trust.ts"
