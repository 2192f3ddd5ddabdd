import { AnswerFields } from "keygrove/rpc"
import type { CommandContext, CommandInput, CommandOutcome } from "../command.ts"
import { callNode } from "../node-call.ts"
import { required } from "../options.ts"
import { shortened } from "../text.ts"

/** `trust rename CLUSTER NAME`. */
export async function run(input: CommandInput, context: CommandContext): Promise<CommandOutcome> {
  const params = { cluster: required(input.operands[0], "CLUSTER"), nickname: required(input.operands[1], "NAME") }
  const answer = new AnswerFields("trust.rename", await callNode(context, "trust.rename", params))
  const [cluster, nickname] = [answer.text("cluster"), answer.text("nickname")]
  return { json: { cluster, nickname }, text: `cluster ${shortened(cluster, 16)} is called ${nickname} on this node` }
}
