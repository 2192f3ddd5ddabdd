import type { CommandContext, CommandInput, CommandOutcome } from "../command.ts"
import { CommandError } from "../errors.ts"
import { required } from "../options.ts"
import { invite } from "../tree/invite.ts"
import { pathOperand, readTree } from "../tree/node-tree.ts"

/** `node replace NAME`: also for a node that was revoked, or ended with an ancestor. */
export async function run(input: CommandInput, context: CommandContext): Promise<CommandOutcome> {
  const tree = await readTree(context)
  const path = pathOperand(required(input.operands[0], "NAME"), tree.self)
  const known = tree.nodes.find((node) => node.path === path)
  if (known === undefined)
    throw new CommandError("NODE_UNKNOWN", `${path} is no node of this cluster and never was; invite it with \`keygrove node invite\``, {
      class: "refused",
    })
  return await invite(input, context, { tree, path, generation: known.generation + 1 })
}
