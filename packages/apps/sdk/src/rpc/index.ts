export { sdkErrors } from "../errors.ts"
export { resolveHome } from "../home.ts"
export { Keys, type KeyOrder, type SignatureOptions } from "../keys/keys.ts"
export type { OperatorDescription } from "../keys/operators.ts"
export type { NamedKey, NamedKeyRules, NamedKeyType } from "../keys/named-key.ts"
export { decodeDelegation, type DelegationState, type StartByLabel } from "./delegation.ts"
export { AnswerFields } from "./fields.ts"
export { decodeMeeting, type MeetingState } from "./meeting.ts"
export { readNodes, type ClusterNode, type ClusterNodes } from "./nodes.ts"
export {
  decodeMeasurement,
  decodePieces,
  type KeyGeneration,
  type PiecesInGeneration,
  type PiecesMember,
  type PiecesState,
} from "./pieces.ts"
export { callRpc, type RpcCallOptions, type RpcEndpoint, type RpcFailureCode } from "./rpc-client.ts"
