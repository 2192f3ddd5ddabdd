import { Keys } from "keygrove/rpc"
import type { CommandContext } from "../command.ts"
import { callNode } from "../node-call.ts"

/** The named keys of the node of this home directory; what it refuses ends the command with its code. */
export function nodeKeys(context: CommandContext): Keys {
  return new Keys(async (method, params) => await callNode(context, method, params))
}
