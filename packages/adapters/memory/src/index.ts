export { MemoryLedgerEngine } from "./ledger.ts"
export { MemoryStorage } from "./storage.ts"
