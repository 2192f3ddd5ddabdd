export type { LedgerHead, LedgerIndex } from "./head.ts"
