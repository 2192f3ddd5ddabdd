export {
  administer,
  type AdministrationOrder,
  type AdministrationOutcome,
  type AdministrativeAct,
  type Administrator,
} from "./administer.ts"
export { holdCeremony, type CeremonyOrder, type CeremonyOutcome, type WordsSource } from "./ceremony.ts"
export { joinCluster, type JoinOrder } from "./join.ts"
