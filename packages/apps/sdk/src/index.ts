export { inspectFile } from "./files/crypt-file.ts"
export { sdkErrors } from "./errors.ts"
export {
  Keygrove,
  type CallOptions,
  type ConnectOptions,
  type DecryptionOptions,
  type EncryptionOptions,
  type GrantOrder,
} from "./keygrove.ts"
export type { Policy } from "./policy.ts"
