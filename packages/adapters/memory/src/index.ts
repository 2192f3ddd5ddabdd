export { MemoryLedgerEngine } from "./ledger.ts"
export { MemoryStorage } from "./storage.ts"
export { SimulatedClock } from "./clock.ts"
export { seededRandom } from "./random.ts"
