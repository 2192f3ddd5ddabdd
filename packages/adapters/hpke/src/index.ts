export { hpkeErrors } from "./errors.ts"
export { createSealing } from "./hpke-sealing.ts"
export type { SealingTools } from "./secret-x25519.ts"
