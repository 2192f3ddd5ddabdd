export { DEFAULT_TCTI, TpmAttester, type TpmAttesterOptions } from "./attester.ts"
export { tpmErrors } from "./errors.ts"
export { MAX_TPM_SECRET_BYTES, TpmSealer, type SealerRefusal } from "./sealer.ts"
