export { hpkeErrors } from "./errors.ts"
export { hpkeSealing } from "./hpke-sealing.ts"
