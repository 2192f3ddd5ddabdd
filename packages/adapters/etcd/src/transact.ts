import type { Result } from "@keygrove/base"
import type { EtcdTransaction, EtcdTransactionAnswer } from "./messages.ts"

/** What became of a transaction. */
export interface EtcdAnswer extends EtcdTransactionAnswer {
  /** An earlier try may have had its effect without an answer. */
  readonly wasAmbiguous: boolean
}

/** Has etcd do a transaction, which may be tried more than once. */
export type Transact = (transaction: EtcdTransaction, signal: AbortSignal) => Promise<Result<EtcdAnswer, "LEDGER_UNREACHABLE">>
