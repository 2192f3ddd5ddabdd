import type { TpmMeasurement, TpmQuote } from "@keygrove/attestation"
import type { Result } from "@keygrove/base"
import type { CallOptions } from "./call-options.ts"

/** The attestation key of this machine. */
export interface AttesterEnrolment {
  /** TPMT_PUBLIC, as `decodeTpmAttestationKey` accepts it. Whoever verifies quotes gets it once, in a way that is trusted. */
  readonly publicArea: Uint8Array
}

/** What is to be quoted. */
export interface QuoteOrder {
  /** 32 bytes that whoever verifies has never seen before; the TPM signs over them. */
  readonly qualifyingData: Uint8Array
  /** Registers of the SHA-256 bank, {@link AttesterMeasurement.pcrs}. */
  readonly pcrs: readonly number[]
}

/** What this machine's registers have now: what a policy may ask for, signed by nobody. */
export interface AttesterMeasurement extends Pick<TpmMeasurement, "pcrs" | "pcrDigest"> {
  /** The 32 bytes of each, in the order of `pcrs`. */
  readonly values: readonly Uint8Array[]
}

/** Where an attester keeps what its TPM wrapped for it, e.g. a file of the home. It is read and written whole, and is no secret. */
export interface AttesterMemory {
  /** What was written last; nothing when nothing ever was. */
  read(options: CallOptions): Promise<Uint8Array | undefined>
  /** At most 4 KiB; durable when the promise settles, and never half there. */
  write(bytes: Uint8Array, options: CallOptions): Promise<void>
}

/** Codes of what a TPM, or what stands between it and this process, does not do. */
export type AttesterRefusal =
  | "TPM_ABSENT"
  | "TPM_BUSY"
  | "TPM_FAILED"
  | "TPM_KEY_LOST"
  | "TPM_LOCKED_OUT"
  | "TPM_NOT_ENROLLED"
  | "TPM_TIMEOUT"
  | "TPM_TOOLS_MISSING"

/** Registers of a TPM: 0 to 23. */
export const TPM_PCRS = 24

/**
 * What can prove to others what this machine booted: a TPM 2.0. Has one attestation key at most, and keeps what it needs to use it again; that is no
 * secret outside of that TPM. Calls run one after the other. A refusal changes nothing.
 */
export interface Attester {
  /** Makes sure that there is an attestation key, and gives it: the same after a restart or a crash, another when this TPM cannot use that one any more (it was cleared). */
  enrol(options: CallOptions): Promise<Result<AttesterEnrolment, AttesterRefusal>>
  /** Has the TPM sign its registers and the nonce. Throws `RangeError` for a nonce that has not 32 bytes, and for registers that are none, repeated or not ascending. */
  quote(order: QuoteOrder, options: CallOptions): Promise<Result<TpmQuote, AttesterRefusal>>
  /** The values of registers now. Throws as {@link Attester.quote} does. */
  measure(pcrs: readonly number[], options: CallOptions): Promise<Result<AttesterMeasurement, AttesterRefusal>>
}

/** Throws `RangeError` unless these are registers, at least one, ascending, none twice. */
export function assertPcrs(pcrs: readonly number[]): void {
  const areGood = pcrs.every((pcr, at) => Number.isInteger(pcr) && pcr >= 0 && pcr < TPM_PCRS && (at === 0 || pcr > (pcrs[at - 1] ?? pcr)))
  if (pcrs.length === 0 || !areGood)
    throw new RangeError(`pcrs must be ascending numbers from 0 to ${TPM_PCRS - 1}, got ${pcrs.join(", ")}`)
}

/** {@link assertPcrs}, and that the nonce has 32 bytes. */
export function assertQuoteOrder({ pcrs, qualifyingData }: QuoteOrder): void {
  assertPcrs(pcrs)
  if (qualifyingData.length !== 32) throw new RangeError(`qualifyingData must have 32 bytes, got ${qualifyingData.length}`)
}
