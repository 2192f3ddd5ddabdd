/** What every call across a port takes. */
export interface CallOptions {
  /** Ends the call; honoured before and after each await. */
  readonly signal: AbortSignal
}
