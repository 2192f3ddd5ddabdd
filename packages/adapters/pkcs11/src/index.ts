export { pkcs11Errors, type Pkcs11ErrorCode } from "./errors.ts"
