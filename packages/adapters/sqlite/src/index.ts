export { openDatabase, type DatabaseFile } from "./database.ts"
export { sqliteErrors, type DatabaseRefusal } from "./errors.ts"
export { EmbeddedLedgerEngine, type EmbeddedLedgerOptions } from "./ledger.ts"
export { SqliteStorage, type SqliteStorageOptions } from "./storage.ts"
