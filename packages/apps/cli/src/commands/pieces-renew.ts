import { decodePieces } from "keygrove/rpc"
import type { CommandContext, CommandInput, CommandOutcome } from "../command.ts"
import { callNode } from "../node-call.ts"

/** `pieces renew`. */
export async function run(_input: CommandInput, context: CommandContext): Promise<CommandOutcome> {
  const { generation, members } = decodePieces("pieces.renew", await callNode(context, "pieces.renew"))
  const after = generation?.generation ?? null
  return {
    json: { after, members },
    text: `a new key generation of ${members} members begins; see \`keygrove pieces status\``,
  }
}
