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
