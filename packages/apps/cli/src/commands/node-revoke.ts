import { fromHex, unwrap } from "@keygrove/base"
import { decodeGeneration, type NodeRevocation } from "@keygrove/hierarchy"
import type { CommandContext, CommandInput, CommandOutcome } from "../command.ts"
import { commandError } from "../errors.ts"
import { optional, required, wholeNumber } from "../options.ts"
import { pathOperand, readTree, standingNode, type Tree } from "../tree/node-tree.ts"
import { signAct } from "../tree/sign-act.ts"

/** `node revoke NAME`. */
export async function run(input: CommandInput, context: CommandContext): Promise<CommandOutcome> {
  const reason = required(input.options["reason"], "--reason")
  if (reason !== "compromised" && reason !== "retired")
    throw commandError("USAGE_INVALID", `--reason is compromised or retired, got "${reason}"`)
  const tree = await readTree(context)
  const path = pathOperand(required(input.operands[0], "NAME"), tree.self)
  const node = standingNode(tree, path)
  const lastGood = lastGoodOption(input, tree, reason)
  const revocation: NodeRevocation = {
    path,
    generation: unwrap(decodeGeneration(node.generation)),
    reason,
    ...(lastGood === undefined ? {} : { lastGood }),
    ...(input.options["last"] === true ? { isLast: true } : {}),
  }
  const { index } = await signAct(input, context, { act: { kind: "revoke", revocation }, path, signer: "ancestor", tree })
  const below = tree.nodes.filter((each) => each.path.startsWith(`${path}/`) && (each.state === "active" || each.state === "invited"))
  const names = below.map((each) => each.path)
  const json = { path, generation: node.generation, reason, lastGood: lastGood?.index ?? null, alsoEnded: names, index }
  const also = names.length === 0 ? "" : `\nended with it: ${names.join(", ")}`
  return { json, text: `${path} is revoked (${reason}) by entry ${index}${also}` }
}

function lastGoodOption(input: CommandInput, { origin }: Tree, reason: string): NodeRevocation["lastGood"] {
  const text = optional(input, "lastGood")
  if (text === undefined) return undefined
  if (reason !== "compromised")
    throw commandError("USAGE_INVALID", "--last-good needs --reason compromised: of a node that only retires, all it wrote is believed")
  return { origin: unwrap(fromHex(origin)), index: wholeNumber(text, "--last-good", { least: 0, most: Number.MAX_SAFE_INTEGER }) }
}
