import { fromHex, unwrap } from "@keygrove/base"
import { decodeGeneration, type NodeRevocation } from "@keygrove/hierarchy"
import { decodePieces } from "keygrove/rpc"
import type { CommandContext, CommandInput, CommandOutcome } from "../command.ts"
import { commandError } from "../errors.ts"
import { callNode } from "../node-call.ts"
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
  // Before it is none any more.
  const pieces = decodePieces("pieces.status", await callNode(context, "pieces.status", { ask: false }))
  const { index } = await signAct(input, context, { act: { kind: "revoke", revocation }, path, signer: "ancestor", tree })
  const below = tree.nodes.filter((each) => each.path.startsWith(`${path}/`) && (each.state === "active" || each.state === "invited"))
  const names = below.map((each) => each.path)
  const members = new Set(pieces.nodes.map((each) => each.path))
  const piecesEnded = [path, ...names].filter((each) => members.has(each))
  const json = { path, generation: node.generation, reason, lastGood: lastGood?.index ?? null, alsoEnded: names, piecesEnded, index }
  const also = names.length === 0 ? "" : `\nended with it: ${names.join(", ")}`
  const replaced =
    piecesEnded.length === 0
      ? ""
      : `\npieces of ${piecesEnded.join(", ")}, and those at them, count no more: the members begin a new key generation`
  return { json, text: `${path} is revoked (${reason}) by entry ${index}${also}${replaced}` }
}

function lastGoodOption(input: CommandInput, { origin }: Tree, reason: string): NodeRevocation["lastGood"] {
  const text = optional(input, "lastGood")
  if (text === undefined) return undefined
  if (reason !== "compromised")
    throw commandError("USAGE_INVALID", "--last-good needs --reason compromised: of a node that only retires, all it wrote is believed")
  return { origin: unwrap(fromHex(origin)), index: wholeNumber(text, "--last-good", { least: 0, most: Number.MAX_SAFE_INTEGER }) }
}
