/** What a TPM signed: TPMS_ATTEST (at most 1,024 bytes) and TPMT_SIGNATURE (at most 600), as they came. */
export interface TpmQuote {
  readonly attest: Uint8Array
  readonly signature: Uint8Array
}

/** Longest TPMS_ATTEST that is read, in bytes. */
export const MAX_TPM_ATTEST_BYTES = 1_024
/** Longest TPMT_SIGNATURE that is read, in bytes. */
export const MAX_TPM_SIGNATURE_BYTES = 600

/** What a TPM said of itself in a quote. */
export interface TpmMeasurement {
  /** Numbers of the registers (PCRs, SHA-256 bank) that were quoted, ascending, at least one. */
  readonly pcrs: readonly number[]
  /** SHA-256 of the values of these registers one after the other, 32 bytes. */
  readonly pcrDigest: Uint8Array
  /** Milliseconds that the TPM has been powered since it was last cleared. */
  readonly clockMs: bigint
  /** How often the TPM was reset (the machine booted) since it was last cleared. */
  readonly resetCount: number
  /** How often it was resumed or restarted since the last reset. */
  readonly restartCount: number
  /** Whether the clock never went back; not so after a power cut, until it passed its last stored value. */
  readonly isClockSafe: boolean
  /** As the maker counts; 64 bits. */
  readonly firmwareVersion: bigint
}
