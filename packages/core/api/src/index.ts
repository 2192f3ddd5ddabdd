export type { DelegationApiParams, DelegationFacts, DelegationStatus } from "./delegation-methods.ts"
export { apiErrors, rpcErrorNumber, type ApiErrorCode } from "./errors.ts"
export type { KeyOrigin } from "./key-methods.ts"
export type {
  AddedKey,
  AuditEventFacts,
  AuditHeadFacts,
  AuditPage,
  KeyFacts,
  KeyPage,
  KeyRuleFacts,
  KeyVersionFacts,
  OperatorFacts,
  OperatorList,
  OperatorResultFacts,
  PublicKeyFacts,
  SignatureFacts,
  VerificationFacts,
} from "./key-results.ts"
export type { MeetingApiParams, MeetingPhase, MeetView, MetNode, TrustedClusterFacts, TrustedClusters } from "./meeting-methods.ts"
export type { LedgerApiParams, LedgerEntries, LedgerEntryFacts, SnapshotFacts, TakenSnapshotFacts } from "./ledger-methods.ts"
export type { MethodSpec } from "./method-spec.ts"
export { apiMethods, decodeMethodParams, isMethodName, type ApiParams, type MethodName } from "./methods.ts"
export { openRpcDocument } from "./open-rpc.ts"
export { decodeCall, type ParamSpec, type ParamSpecs, type RpcCall } from "./params.ts"
export type {
  ConsoleLink,
  DecryptKey,
  GrantUnlocking,
  LabelKey,
  EtcdFacts,
  EtcdMemberFacts,
  LedgerStatus,
  LockedNodeStatus,
  NodeIdentityFacts,
  NodeName,
  NodeStatus,
  OwnPieces,
  PolicyFacts,
  PiecesUnlocking,
  PolicyProxyFacts,
  ProxyStatus,
  RevocationFacts,
  UnlockMeans,
} from "./results.ts"
export type {
  AwaitedMoveFacts,
  KeyGenerationFacts,
  PieceWaits,
  PiecesApiParams,
  PiecesJoining,
  PiecesNode,
  PiecesOfNode,
  PiecesSharing,
  PiecesStatus,
  PiecesEvidence,
  PiecesMeasurement,
  PiecesVerification,
  UnlockRequest,
} from "./pieces-methods.ts"
export type { SshAgentQuestions, StartedSshAgent } from "./ssh-agent-methods.ts"
export {
  MAX_NODE_PAGE,
  type NodeFacts,
  type NodeTree,
  type RekeyExchangeFacts,
  type RekeyFacts,
  type RootRekeyFacts,
  type RootRekeyNode,
  type RootRekeyStatus,
  type TreeApiParams,
} from "./tree-methods.ts"
