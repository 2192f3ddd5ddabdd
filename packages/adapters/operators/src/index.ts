export { operatorErrors, type OperatorErrorCode } from "./errors.ts"
export type { OperatorModule } from "./operator-module.ts"
export { checkOperatorModule, openOperators, type OperatorWorkers, type OperatorWorkersOptions } from "./operator-workers.ts"
