export { apiErrors, rpcErrorNumber, type ApiErrorCode } from "./errors.ts"
export { apiMethods, decodeMethodParams, isMethodName, type ApiParams, type MethodName, type MethodSpec } from "./methods.ts"
export { openRpcDocument } from "./open-rpc.ts"
export { decodeCall, type ParamSpec, type ParamSpecs, type RpcCall } from "./params.ts"
export type {
  DecryptKey,
  LabelKey,
  LedgerEntryFacts,
  LedgerStatus,
  NodeIdentityFacts,
  NodeName,
  NodeStatus,
  PolicyFacts,
  PolicyProxyFacts,
  ProxyStatus,
  RevocationFacts,
} from "./results.ts"
