export { pkcs11Errors, type Pkcs11ErrorCode } from "./errors.ts"
export { Pkcs11Backend, type Pkcs11Tools } from "./pkcs11-backend.ts"
export { Token, type TokenPlace } from "./token.ts"
