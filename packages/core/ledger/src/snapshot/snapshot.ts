import type { ClusterId } from "@keygrove/hierarchy"
import type { FoldedLedger } from "../chain.ts"
import type { LedgerKeyChain } from "../key-chain.ts"

/** All that a replica has of a log at a head: whoever holds it goes on from there as if it had read what came before. Immutable. */
export interface LedgerSnapshot extends FoldedLedger {
  /** Of every cluster that announced itself. */
  readonly keyChains: ReadonlyMap<ClusterId, LedgerKeyChain>
}
