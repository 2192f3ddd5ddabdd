import { ok, refuse, type Result } from "@keygrove/base"
import { hex16, hex32, TPM_ALG } from "./algorithms.ts"
import { MAX_TPM_ATTEST_BYTES, type TpmMeasurement } from "./quote.ts"
import { TpmReader } from "./tpm-reader.ts"

/** Codes of bytes that are no quote. */
export type TpmAttestRefusal = "TPM_QUOTE_INVALID" | "TPM_QUOTE_MAGIC" | "TPM_QUOTE_TYPE"

/** A TPMS_ATTEST of a quote, whole, but nothing of it believed. */
export interface DecodedAttest {
  readonly extraData: Uint8Array
  readonly clock: Pick<TpmMeasurement, "clockMs" | "resetCount" | "restartCount" | "isClockSafe">
  readonly firmwareVersion: bigint
  readonly selections: readonly PcrSelection[]
  readonly pcrDigest: Uint8Array
}

/** TPMS_PCR_SELECTION. */
export interface PcrSelection {
  /** TPM_ALG_ID of the bank. */
  readonly bank: number
  /** Ascending. */
  readonly pcrs: readonly number[]
}

/** "\xffTCG": a TPM refuses to sign foreign bytes that begin so with a restricted key. */
const TPM_GENERATED = 0xff54_4347
const ATTEST_QUOTE = 0x8018
/** A hash algorithm and a digest of SHA-256. */
const NAME_BYTES = 34
const MAX_EXTRA_DATA_BYTES = 64
/** TPM2_NUM_PCR_BANKS of the reference implementation. */
const MAX_BANKS = 16
/** PCR_SELECT_MAX: 32 registers. */
const MAX_SELECT_BYTES = 4
const DIGEST_BYTES = 32

/** Decodes a TPMS_ATTEST of a quote (TPM 2.0 Library, Part 2, §10.12.12); strict: nothing may follow. The digest is one of SHA-256, because that is the hash of the signature. */
export function decodeTpmAttest(bytes: Uint8Array): Result<DecodedAttest, TpmAttestRefusal> {
  if (bytes.length > MAX_TPM_ATTEST_BYTES) return invalid(`it has ${bytes.length} bytes; at most ${MAX_TPM_ATTEST_BYTES} are read`)
  const reader = new TpmReader(bytes)
  const [magic, type] = [reader.uint32(), reader.uint16()]
  if (magic === undefined || type === undefined) return invalid("it is cut short")
  if (magic !== TPM_GENERATED) return unexpected("TPM_QUOTE_MAGIC", "what was signed begins with", hex32(magic), hex32(TPM_GENERATED))
  if (type !== ATTEST_QUOTE) return unexpected("TPM_QUOTE_TYPE", "what the TPM signed is of type", hex16(type), hex16(ATTEST_QUOTE))
  const signer = reader.sized(NAME_BYTES)
  if (signer?.length !== NAME_BYTES || new TpmReader(signer).uint16() !== TPM_ALG.sha256)
    return invalid("the name of its signer is none of SHA-256")
  const extraData = reader.sized(MAX_EXTRA_DATA_BYTES)
  if (extraData === undefined) return invalid("its nonce is cut short or too long")
  const clock = readClock(reader)
  const firmwareVersion = reader.uint64()
  if (clock === undefined || firmwareVersion === undefined) return invalid("its clock is cut short or no clock")
  const selections = readSelections(reader)
  if (selections === undefined) return invalid("its selection of registers is cut short or too long")
  const pcrDigest = reader.sized(DIGEST_BYTES)
  if (pcrDigest?.length !== DIGEST_BYTES) return invalid(`its digest of registers has not ${DIGEST_BYTES} bytes`)
  if (!reader.isAtEnd) return invalid("bytes follow it")
  return ok({ extraData, clock, firmwareVersion, selections, pcrDigest })
}

/** TPMS_CLOCK_INFO. */
function readClock(reader: TpmReader): DecodedAttest["clock"] | undefined {
  const [clockMs, resetCount, restartCount, isClockSafe] = [reader.uint64(), reader.uint32(), reader.uint32(), reader.yesNo()]
  if (clockMs === undefined || resetCount === undefined || restartCount === undefined || isClockSafe === undefined) return undefined
  return { clockMs, resetCount, restartCount, isClockSafe }
}

/** TPML_PCR_SELECTION. */
function readSelections(reader: TpmReader): readonly PcrSelection[] | undefined {
  const count = reader.uint32()
  if (count === undefined || count > MAX_BANKS) return undefined
  const selections: PcrSelection[] = []
  while (selections.length < count) {
    const [bank, length] = [reader.uint16(), reader.uint8()]
    const bitmap = length === undefined || length > MAX_SELECT_BYTES ? undefined : reader.take(length)
    if (bank === undefined || bitmap === undefined) return undefined
    selections.push({ bank, pcrs: numbersOf(bitmap) })
  }
  return selections
}

/** Register n is bit n mod 8 of byte n div 8. */
function numbersOf(bitmap: Uint8Array): readonly number[] {
  return Array.from(bitmap).flatMap((byte, at) =>
    [0, 1, 2, 3, 4, 5, 6, 7].filter((bit) => ((byte >> bit) & 1) === 1).map((bit) => 8 * at + bit),
  )
}

function unexpected<Code extends string>(code: Code, what: string, observed: string, expected: string): Result<never, Code> {
  return refuse(code, `${what} ${observed}; expected ${expected}`, { observed, expected })
}

function invalid(reason: string): Result<never, "TPM_QUOTE_INVALID"> {
  return refuse("TPM_QUOTE_INVALID", `the TPM quote is malformed: ${reason}; ask for another`)
}
