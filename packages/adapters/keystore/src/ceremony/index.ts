export {
  administer,
  type AdministrationOrder,
  type AdministrationOutcome,
  type AdministrativeAct,
  type Administrator,
} from "./administer.ts"
export { holdCeremony, type CeremonyOrder, type CeremonyOutcome } from "./ceremony.ts"
export { joinCluster, type JoinOrder } from "./join.ts"
export { moveNode, type KeyHandover, type MovedKeys, type MoveOrder, type MoveOutcome } from "./move.ts"
export {
  recoverNode,
  type AdoptedRecord,
  type Adoption,
  type RecoveryAncestor,
  type RecoveryOrder,
  type RecoveryOutcome,
  type RecoveryStep,
} from "./recover.ts"
export { holdRekey, type RekeyOrder, type RekeyOutcome } from "./rekey.ts"
export { replaceRoot, type RootRekeyOrder, type RootRekeyOutcome } from "./root-rekey.ts"
export { shareRoot, type SharesOrder, type SharesOutcome } from "./root-shares.ts"
export type { WordsSource } from "./root-source.ts"
export { showRootWords, verifyRoot, type RootOrder } from "./root-words.ts"
