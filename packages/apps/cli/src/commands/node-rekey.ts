import { decodeEpoch, decodeGeneration } from "@keygrove/hierarchy"
import { unwrap } from "@keygrove/base"
import type { CommandContext, CommandInput, CommandOutcome } from "../command.ts"
import { pathOperand, readTree, standingNode, type Tree } from "../tree/node-tree.ts"
import { rekeyOwn } from "../tree/rekey-own.ts"
import { signAct } from "../tree/sign-act.ts"

/** `node rekey [NAME]`. */
export async function run(input: CommandInput, context: CommandContext): Promise<CommandOutcome> {
  const [name] = input.operands
  if (name === undefined) return await rekeyOwn(input, context)
  const tree = await readTree(context)
  return pathOperand(name, tree.self) === tree.self ? await rekeyOwn(input, context) : await order(input, context, { name, tree })
}

/** Orders a node below to take the epoch after the one that it is in. */
async function order(
  input: CommandInput,
  context: CommandContext,
  { name, tree }: { readonly name: string; readonly tree: Tree },
): Promise<CommandOutcome> {
  const path = pathOperand(name, tree.self)
  const node = standingNode(tree, path)
  // A node that has not been heard of yet makes its first keys without an order.
  const epoch = unwrap(decodeEpoch(Math.max(node.epoch, 1) + 1))
  const body = { path, generation: unwrap(decodeGeneration(node.generation)), epoch }
  const { index } = await signAct(input, context, { act: { kind: "order-rekey", order: body }, path, signer: "ancestor", tree })
  const text = `${path} is ordered to take epoch ${epoch} by entry ${index}; it warns in its \`keygrove status\` until it has`
  return { json: { path, generation: node.generation, epoch, index, state: "ordered" }, text }
}
