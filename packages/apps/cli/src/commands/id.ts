import { AnswerFields } from "keygrove/rpc"
import type { CommandContext, CommandInput, CommandOutcome } from "../command.ts"
import { callNode } from "../node-call.ts"

/** `id`: public keys to hand out. */
export async function run(_input: CommandInput, context: CommandContext): Promise<CommandOutcome> {
  const status = new AnswerFields("node.status", await callNode(context, "node.status"))
  const id = status.text("id")
  return { json: { id, cluster: status.text("cluster"), path: status.text("path") }, text: id }
}
