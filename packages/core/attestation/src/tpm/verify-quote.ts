import { equalBytes, ok, refuse, toHex, type Result } from "@keygrove/base"
import type { VerifyDeviceSignature } from "@keygrove/crypto"
import { hex16, TPM_ALG } from "./algorithms.ts"
import type { TpmAttestationKey } from "./attestation-key.ts"
import { decodeTpmAttest, type PcrSelection, type TpmAttestRefusal } from "./decode-attest.ts"
import { decodeTpmSignature, type TpmSignatureRefusal } from "./decode-signature.ts"
import type { TpmMeasurement, TpmQuote } from "./quote.ts"

/** What a quote has to be. */
export interface ExpectedTpmQuote {
  readonly attestationKey: TpmAttestationKey
  /** What the TPM was given to sign with: 1 to 64 bytes that never were asked before. Keygrove's are a SHA-256 (32 bytes). */
  readonly qualifyingData: Uint8Array
}

/** Codes of a quote that is not believed. */
export type TpmQuoteRefusal =
  | TpmAttestRefusal
  | TpmSignatureRefusal
  | "TPM_SIGNATURE_WRONG"
  | "TPM_QUOTE_NONCE"
  | "TPM_QUOTE_BANK"
  | "TPM_QUOTE_PCRS"

/**
 * Whether a quote is the answer of the TPM that has the attestation key, to this question; gives what it says. This is authenticity alone: which registers and
 * values are good, and whether the counters go on from those before, is for a policy to judge. In the order: sizes and form, magic, type, signature, nonce, bank.
 */
export function verifyTpmQuote(
  verifySignature: VerifyDeviceSignature,
  quote: TpmQuote,
  expected: ExpectedTpmQuote,
): Result<TpmMeasurement, TpmQuoteRefusal> {
  const { attestationKey, qualifyingData } = expected
  if (qualifyingData.length === 0) throw new RangeError("qualifyingData is empty: any quote that was ever made would do")
  const attest = decodeTpmAttest(quote.attest)
  if (!attest.ok) return attest
  const signature = decodeTpmSignature(quote.signature, attestationKey.key.type)
  if (!signature.ok) return signature
  if (!verifySignature(attestationKey.key, quote.attest, signature.value))
    return refuse("TPM_SIGNATURE_WRONG", "the signature of the TPM quote does not hold under the attestation key that was enrolled")
  const { clock, extraData, firmwareVersion, pcrDigest, selections } = attest.value
  if (!equalBytes(extraData, qualifyingData)) return wrongNonce(extraData, qualifyingData)
  const pcrs = onlyBank(selections)
  if (!pcrs.ok) return pcrs
  return ok({ pcrs: pcrs.value, pcrDigest: Uint8Array.from(pcrDigest), ...clock, firmwareVersion })
}

/** Banks of SHA-1 can be made to collide, and of several one cannot tell which were measured into. */
function onlyBank(selections: readonly PcrSelection[]): Result<readonly number[], "TPM_QUOTE_BANK" | "TPM_QUOTE_PCRS"> {
  const [selection, ...others] = selections
  if (selection === undefined) return refuse("TPM_QUOTE_PCRS", "the TPM quote covers no bank of registers; expected one of SHA-256")
  if (selection.bank !== TPM_ALG.sha256 || others.length > 0) {
    const observed = selections.map(({ bank }) => hex16(bank)).join(", ")
    return refuse("TPM_QUOTE_BANK", `the TPM quote covers the banks ${observed}; expected 0x000b (SHA-256) alone`, {
      observed,
      expected: hex16(TPM_ALG.sha256),
    })
  }
  if (selection.pcrs.length === 0) return refuse("TPM_QUOTE_PCRS", "the TPM quote covers no registers; expected at least one")
  return ok(selection.pcrs)
}

function wrongNonce(observed: Uint8Array, expected: Uint8Array): Result<never, "TPM_QUOTE_NONCE"> {
  return refuse("TPM_QUOTE_NONCE", `the TPM quote answers ${toHex(observed) || "nothing"}; ${toHex(expected)} was asked`, {
    observed: toHex(observed),
    expected: toHex(expected),
  })
}
