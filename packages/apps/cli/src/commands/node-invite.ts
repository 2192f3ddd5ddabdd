import type { CommandContext, CommandInput, CommandOutcome } from "../command.ts"
import { CommandError } from "../errors.ts"
import { required } from "../options.ts"
import { invite } from "../tree/invite.ts"
import { pathOperand, readTree } from "../tree/node-tree.ts"

/** `node invite NAME`. */
export async function run(input: CommandInput, context: CommandContext): Promise<CommandOutcome> {
  const tree = await readTree(context)
  const path = pathOperand(required(input.operands[0], "NAME"), tree.self)
  const known = tree.nodes.find((node) => node.path === path)
  if (known !== undefined) {
    const why = `${path} is ${known.state}, generation ${known.generation}`
    throw new CommandError("NODE_EXISTS", `${why}; give it new keys with \`keygrove node replace\`, or choose another name`, {
      class: "refused",
    })
  }
  return await invite(input, context, { tree, path, generation: 1 })
}
