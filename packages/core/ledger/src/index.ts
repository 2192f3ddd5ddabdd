export { checkBatch, verifyBatch, type BatchHeads } from "./batch.ts"
export { emptyLedger, foldEntries, foldEntry, foldVerified, type FoldedLedger, type FoldStep, type JudgedEntry } from "./chain.ts"
export { decodeEntry, draftEntry, encodeEntry, entrySignBytes, verifyEntry, type Author, type Entry, type UnsignedEntry } from "./entry.ts"
export { ledgerErrors, type LedgerCode } from "./errors.ts"
export { advanceIndex, decodeLedgerIndex, emptyHead, isSameHead, nextHead, type LedgerHead, type LedgerIndex } from "./head.ts"
export {
  encodeInvitation,
  invitationContext,
  invitationSignBytes,
  MAX_INVITATION_CHARACTERS,
  openInvitation,
  type Invitation,
  type SealedNodeSecret,
  type VerifiedInvitation,
} from "./invitation.ts"
export {
  decodeKeyChainHead,
  encodeKeyChainHead,
  keyChainHeadSignBytes,
  MAX_KEY_CHAIN_HEAD_BYTES,
  verifyKeyChainHead,
  type KeyChainHead,
  type KeyChainHeadRefusal,
} from "./key-chain-head.ts"
export {
  emptyKeyChain,
  extendKeyChain,
  finishKeyChain,
  isOfKeyChain,
  verifyKeyChain,
  type KeyChain,
  type KeyChainRefusal,
  type LedgerKeyChain,
  type PresentedKeyChain,
  type VerifiedKeyChain,
} from "./key-chain.ts"
export { KeyChainIndex } from "./key-chain-index.ts"
export {
  MAX_BATCH_BYTES,
  MAX_BATCH_ENTRIES,
  MAX_CLUSTER_NODES,
  MAX_CLUSTERS,
  MAX_ENTRY_BYTES,
  MAX_KEY_CHAIN_ENTRIES,
  MAX_LEDGER_ENTRIES,
  MAX_LIVE_POLICIES,
  MAX_SLICE_BYTES,
  MAX_SLICE_ENTRIES,
  MAX_SNAPSHOT_CHUNK_BYTES,
  MAX_SNAPSHOT_CHUNKS,
  MAX_SUCCESSIONS,
  MAX_TRUSTED_CLUSTERS,
} from "./limits.ts"
export { NodeHistory, type Lineage, type LineageRefusal, type NodeGeneration } from "./lineage.ts"
export { readerStandings, type ReaderStanding } from "./readers.ts"
export { applyEntry, type Judgeable } from "./reducer.ts"
export { decodeRootPlan, encodeRootPlan, MAX_ROOT_PLAN_BYTES, type OpenedRootPlan, type RootPlan } from "./root-plan.ts"
export { decodeSnapshot, type SnapshotRefusal } from "./snapshot/decode-snapshot.ts"
export { encodeSnapshot } from "./snapshot/encode-snapshot.ts"
export { clustersOutside } from "./snapshot/clusters-outside.ts"
export {
  emptyDigest,
  encodeSnapshotHead,
  MAX_SNAPSHOT_HEAD_BYTES,
  nextDigest,
  snapshotHeadSignBytes,
  verifySnapshotHead,
  type SnapshotHead,
} from "./snapshot/snapshot-head.ts"
export { verifySnapshotSigner, type SignedSnapshot } from "./snapshot/snapshot-signer.ts"
export type { LedgerSnapshot } from "./snapshot/snapshot.ts"
export {
  custodyOf,
  emptyState,
  findBootKey,
  findHolder,
  findLastKey,
  findNode,
  findNodeByKey,
  findPolicy,
  hasKeys,
  owesRekey,
  policiesOfGrant,
  trustIn,
  type ClusterState,
  type KeyedNode,
  type KeyHolder,
  type LedgerState,
  type NodeState,
  type PolicyState,
  type RemovedNode,
  type TrustState,
} from "./state.ts"
export { isRemoval, isStatementKind, scopeOfKind, type Scope, type Statement, type StatementKind } from "./statement.ts"
export { movedNode, standsFor, succeeds, successorsOf } from "./succession.ts"
export type { Application, Verdict, VoidReason } from "./verdict.ts"
export type { VerifiedEntry } from "./verify-entries.ts"
