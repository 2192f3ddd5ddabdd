import { AnswerFields } from "keygrove/rpc"
import type { CommandContext, CommandInput, CommandOutcome } from "../command.ts"
import { confirmed } from "../confirm.ts"
import { commandError } from "../errors.ts"
import { callNode } from "../node-call.ts"
import { required } from "../options.ts"

/** `trust remove CLUSTER`. */
export async function run(input: CommandInput, context: CommandContext): Promise<CommandOutcome> {
  const name = required(input.operands[0], "CLUSTER")
  if (input.options["yes"] !== true) {
    const question = `trust ${name} no longer, on any node of this cluster? only another meeting makes it trusted again`
    if (!(await confirmed(question, context))) throw commandError("NOT_CONFIRMED", `${name} is trusted as before; answer y, or give --yes`)
  }
  const cluster = new AnswerFields("trust.remove", await callNode(context, "trust.remove", { cluster: name })).text("cluster")
  return { json: { cluster }, text: `cluster ${cluster} is trusted no longer; policies that it may read by stand until you revoke them` }
}
