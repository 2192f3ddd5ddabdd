export { delegateStart, findStart, startStanding, type StartStanding } from "./delegation/delegate-start.ts"
export { unlockByGrant, type GrantProgress, type GrantUnlockSources } from "./delegation/unlock-by-grant.ts"
export { LedgerCopyEngine } from "./ledger/copy-engine.ts"
export { FollowerLedgerEngine, type FollowerOptions } from "./ledger/follower.ts"
export { followHost, LedgerHostSource, type HostFollowerOptions, type HostSourceOptions } from "./ledger/host-source.ts"
export { DEFAULT_PEER_LIMITS, type PeerLimits } from "./ledger/peer-limits.ts"
export { LATE_KEY_MS, LINE_END_MS, PeerGuard, type AdmittedPeers, type PeerGuardOptions } from "./peers/peer-guard.ts"
export { joinLedger } from "./peers/join-ledger.ts"
export { serveJoin, type JoinHostOptions } from "./peers/serve-join.ts"
export { serveLedger, type LedgerHostOptions } from "./ledger/serve.ts"
export type { HostSnapshots } from "./ledger/serve-snapshot.ts"
export { SnapshotStarter, type SnapshotSource, type SnapshotStartOptions } from "./ledger/start-snapshot.ts"
export type { OfferedSnapshot, SnapshotName } from "./ledger/host-client.ts"
export { watchLog, type WatchedLog } from "./ledger/engine-log.ts"
export type { ReplicaRefusal } from "./ledger/commit-group.ts"
export { openSnapshot, readSnapshot, type OpenedSnapshot } from "./ledger/open-snapshot.ts"
export { SnapshotKeeper, type KnownSnapshots, type SnapshotContext, type TakenSnapshot } from "./ledger/snapshot-keeper.ts"
export { LedgerReplica, type ReplicaOptions, type StatementSigner } from "./ledger/replica.ts"
export { Wakeup } from "./ledger/wakeup.ts"
export { Meetings, MAX_MEETINGS, MEETING_WAIT_MS, type MeetingSources } from "./meeting/meetings.ts"
export type { MeetingProgress } from "./meeting/meeting-slot.ts"
export {
  assertPcrs,
  assertQuoteOrder,
  TPM_PCRS,
  type Attester,
  type AttesterEnrolment,
  type AttesterMeasurement,
  type AttesterMemory,
  type AttesterRefusal,
  type QuoteOrder,
} from "./ports/attester.ts"
export type { CallOptions } from "./ports/call-options.ts"
export { assertSleep, MAX_SLEEP_MS } from "./ports/clock-limits.ts"
export type { Clock } from "./ports/clock.ts"
export type {
  FragmentAcceptance,
  FragmentOrder,
  FragmentRecipient,
  Keystore,
  KeystoreRefusal,
  LabelKeyName,
  NodeIdentity,
  OriginalOpening,
  PendingRekey,
  PreparedRekey,
  ReencryptedOpening,
  ReencryptionOrder,
  RekeyExchange,
  SealedFragment,
  SigningPurpose,
} from "./ports/keystore.ts"
export type {
  AppendOptions,
  AppendRefusal,
  LedgerEngine,
  LedgerSlice,
  ReadRefusal,
  RefreshRefusal,
  WatchOptions,
} from "./ports/ledger-engine.ts"
export type { LedgerFileRefusal, LedgerSnapshots, SnapshotStart, StartableCopy } from "./ports/ledger-snapshots.ts"
export type { PrunableLog, PruneOrder, PruneRefusal } from "./ports/prunable-log.ts"
export { MAX_MOVED_TO_CHARACTERS, type SealableLog, type SealRefusal } from "./ports/sealable-log.ts"
export { migrateLedger, type LedgerMigration, type MigrationRefusal } from "./ledger/migrate-ledger.ts"
export type { LedgerSource, SourceRefusal } from "./ports/ledger-source.ts"
export type { CipherOrder, HeldKey, KeyBackend, KeyBackendRefusal, KeyBackendTraits, MadeKey, NewKey } from "./ports/key-backend.ts"
export {
  MAX_AUDIT_SLICE,
  MAX_KEY_MESSAGE_BYTES,
  MAX_KEY_SLICE,
  type KeyCall,
  type KeyMaterialSource,
  type KeyRegistration,
  type KeySignature,
  type NamedKeyRefusal,
  type NamedKeys,
  type OperatorOrder,
  type SignOrder,
  type VerifyOrder,
} from "./ports/named-keys.ts"
export type { DelegatedStart, DelegatedUnlocking } from "./ports/delegated-start.ts"
export type { OperatorModuleRefusal, OperatorReturn, OperatorRun, OperatorRunner, OperatorRunRefusal } from "./ports/operator-runner.ts"
export type {
  BootKeys,
  Contribution,
  LockedKeystore,
  PieceAcceptance,
  PieceKeys,
  PieceRecipient,
  PieceRefusal,
  PieceReturn,
  PieceUnlocking,
  PreparedSharing,
  ReturnedPiece,
  SealedPiece,
  SharingOrder,
  SharingReference,
  StorageSlot,
  StoredPiece,
  SubpieceCombination,
  SubshareOrder,
  Subsharing,
} from "./ports/piece-keys.ts"
export type { Placement, ProxyCandidate } from "./ports/placement.ts"
export type { Sealing, SealingContext, SealingKey } from "./ports/sealing.ts"
export { assertStorageKey, assertStorageLimit, encodeStorageChanges, MAX_STORAGE_RECORD_BYTES } from "./ports/storage-limits.ts"
export type { Storage, StorageChange, StorageCollection, StorageRecord, StorageRefusal } from "./ports/storage.ts"
export { LineActivity, untilLeft } from "./ports/left-lines.ts"
export { MAX_MESSAGE_BYTES, MAX_PEER_REQUESTS, refuseTooLong } from "./ports/transport-limits.ts"
export type {
  InboundRequest,
  MoveRefusal,
  PeerAddress,
  ProtocolName,
  RequestHandler,
  RequestRefusal,
  Transport,
  TransportIdentity,
} from "./ports/transport.ts"
export { openMessage, sealMessage, type OpenMessageTools, type SealMessageTools } from "./sealed-messages.ts"
export type { NodeContext } from "./node-context.ts"
export { ProxyService } from "./proxy/proxy-service.ts"
export { isOwnInvitation, seekOwnInvitation, type InvitationFile } from "./root-rekey/own-invitation.ts"
export type { MoveState } from "./root-rekey/plan-progress.ts"
export { RootRekeying, type RootPlanFile, type RootRekeyProgress } from "./root-rekey/root-rekeying.ts"
export { sharingErrors, type SharingErrorCode } from "./sharing/errors.ts"
export { grantPolicy, resumeGrants, retryGrants, type GrantOrder } from "./sharing/grant.ts"
export { listLabels, type LabelEpoch, type LabelRecord } from "./sharing/label-records.ts"
export { labelNames, useLabel } from "./sharing/labels.ts"
export { LedgerPlacement } from "./sharing/ledger-placement.ts"
export { openHeader, type HeaderOpening, type OpenedHeader } from "./sharing/open-header.ts"
export { isReader } from "./sharing/read-policy.ts"
export { GrantRemaking, type RemakingProgress } from "./sharing/remake-grants.ts"
export { retryRevocations, revokePolicy, type Revocation } from "./sharing/revoke.ts"
export { checkRootStands } from "./sharing/standing-root.ts"
export { statementSigner } from "./sharing/statement-signer.ts"
export { Turns } from "./turns.ts"
export { KEEPER_TICK_MS, KEY_CHAIN_REFRESH_MS, KeyChainKeeper } from "./trust/key-chain-keeper.ts"
export { KeyChains, type KeyChainContext, type KnownCluster, type KnownNode } from "./trust/key-chains.ts"
export { decodeNickname, TrustBook } from "./trust/trust-book.ts"
export { TrustedClusters, type TrustedCluster } from "./trust/trusted-clusters.ts"
export { CustodyKeeper, type CustodyProgress } from "./pieces/custody-keeper.ts"
export { custodyReport, type CustodyReport, type MemberReport, type SharingReport } from "./pieces/custody-report.ts"
export { Liars, type NamedLiar } from "./pieces/custody-round.ts"
export { DEFAULT_WAITS, type CustodyWaits } from "./pieces/custody-waits.ts"
export { DEFAULT_PCRS, showsEvidence, type EvidenceOrder } from "./pieces/demand-evidence.ts"
export type { UnlockedByPieces, UnlockSources } from "./pieces/gather-pieces.ts"
export { joinCustody, leaveCustody, type JoinedCustody, type JoinOrder, type JoinProgress } from "./pieces/join-custody.ts"
export type { SharingProgress } from "./pieces/own-sharing.ts"
export { PieceDesk } from "./pieces/piece-desk.ts"
export type { PiecesContext } from "./pieces/pieces-context.ts"
export type { AwaitedMove } from "./pieces/redistribute.ts"
export { APPROVAL_MS, REQUEST_DIGITS, type WaitingUnlock } from "./pieces/unlock-approvals.ts"
export { unlockByPieces, type UnlockProgress } from "./pieces/unlock-by-pieces.ts"
export { CHALLENGE_MS } from "./pieces/unlock-challenges.ts"
export { MAX_UNLOCKS, UNLOCK_WINDOW_MS } from "./pieces/unlock-counts.ts"
export { verifyPieces, type PieceCheck } from "./pieces/verify-pieces.ts"
