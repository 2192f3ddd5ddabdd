import type { CommandContext, CommandInput, CommandOutcome } from "../command.ts"
import { callNode } from "../node-call.ts"

/** `lock`: the keystore process wipes its secrets and ends. */
export async function run(_input: CommandInput, context: CommandContext): Promise<CommandOutcome> {
  await callNode(context, "node.lock")
  return { json: { state: "locked" }, text: "locked; `keygrove unlock` opens it again" }
}
