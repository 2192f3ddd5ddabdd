import type { CommandContext, CommandInput, CommandOutcome } from "../command.ts"
import { callNode } from "../node-call.ts"
import { required } from "../options.ts"

/** `revoke POLICY`. */
export async function run(input: CommandInput, context: CommandContext): Promise<CommandOutcome> {
  const policy = required(input.operands[0], "POLICY")
  await callNode(context, "policy.revoke", { policy })
  return { json: { policy, revoked: true }, text: `policy ${policy} is revoked` }
}
