export { attestationErrors, type AttestationErrorCode } from "./errors.ts"
export { decodeTpmAttestationKey, MAX_TPM_PUBLIC_AREA_BYTES, type TpmAttestationKey, type TpmKeyRefusal } from "./tpm/attestation-key.ts"
export { MAX_TPM_ATTEST_BYTES, MAX_TPM_SIGNATURE_BYTES, type TpmMeasurement, type TpmQuote } from "./tpm/quote.ts"
export { verifyTpmQuote, type ExpectedTpmQuote, type TpmQuoteRefusal } from "./tpm/verify-quote.ts"
