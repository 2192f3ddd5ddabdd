export { sdkErrors } from "../errors.ts"
export { resolveHome } from "../home.ts"
export { AnswerFields } from "./fields.ts"
export { callRpc, type RpcCallOptions, type RpcEndpoint, type RpcFailureCode } from "./rpc-client.ts"
