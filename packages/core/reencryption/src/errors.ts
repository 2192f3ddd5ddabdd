export { fileErrors } from "./file/errors.ts"
export { umbralErrors } from "./umbral/errors.ts"
