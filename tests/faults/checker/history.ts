/** What an attempt to append came to, as whoever tried was told. */
export type Outcome =
  /** It is on the ledger: as the last of `length` entries and with the head after it (64 hex digits), where the answer said so. */
  | { readonly kind: "acknowledged"; readonly length?: number; readonly head?: string }
  /** It is not on the ledger and never will be. */
  | { readonly kind: "refused"; readonly code: string }
  /** Nobody can say. */
  | { readonly kind: "unknown"; readonly code: string }

/** One attempt to append one entry through one node. Times are milliseconds of one monotonic clock. */
export interface AppendRecord {
  readonly node: string
  /** By what its entry is recognised in the log, see `tokensOf`. */
  readonly token: string
  readonly start: number
  readonly end: number
  readonly outcome: Outcome
}

/** What one node said its ledger is. */
export interface HeadRecord {
  readonly node: string
  readonly start: number
  readonly end: number
  readonly length: number
  /** 64 hex digits. */
  readonly head: string
}

/** All that was seen from outside while faults were injected. */
export interface History {
  readonly appends: readonly AppendRecord[]
  readonly heads: readonly HeadRecord[]
}

/** One entry as the ledger's engine stores it. */
export interface StoredEntry {
  /** The index that its place in the engine claims. */
  readonly index: number
  readonly bytes: Uint8Array
  /** The head after it that is stored with it, 64 hex digits. */
  readonly head: string
  /** Times that its place was written; an append-only log writes each once. */
  readonly writes: number
}

/** One promise of the ledger that the log and the history together show to be broken. */
export interface Violation {
  readonly kind: "gap" | "rewritten" | "fork" | "lost" | "double" | "refused" | "order" | "backwards" | "crash" | "pieces" | "stuck"
  readonly message: string
}
