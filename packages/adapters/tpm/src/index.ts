export { DEFAULT_TCTI, TpmAttester, type TpmAttesterOptions } from "./attester.ts"
export { tpmErrors } from "./errors.ts"
