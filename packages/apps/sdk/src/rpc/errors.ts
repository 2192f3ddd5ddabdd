import type { ErrorTable } from "@keygrove/base"
import type { RpcFailureCode } from "./rpc-client.ts"

/** Codes of calls that never got an answer of the node. */
export const rpcErrors: ErrorTable<RpcFailureCode> = {
  NODE_NOT_RUNNING: {
    class: "not-running",
    meaning: "No node runs on the home directory.",
    remedy: "Start it with `keygrove up`.",
  },
  NODE_UNREACHABLE: {
    class: "failed",
    meaning: "The node runs but did not answer, or the connection to it broke.",
    remedy: "Read its log, node.log in the home directory.",
  },
  RPC_ANSWER_INVALID: {
    class: "failed",
    meaning: "The answer of the node is not one that this program understands.",
    remedy: "Restart the node with the same version of keygrove.",
  },
}
