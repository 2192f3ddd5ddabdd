import { decodePieces } from "keygrove/rpc"
import type { CommandContext, CommandInput, CommandOutcome } from "../command.ts"
import { callNode } from "../node-call.ts"
import { piecesPicture } from "../pieces/pieces-picture.ts"

/** `pieces status`. */
export async function run(_input: CommandInput, context: CommandContext): Promise<CommandOutcome> {
  const pieces = decodePieces("pieces.status", await callNode(context, "pieces.status"))
  return { json: { ...pieces }, text: piecesPicture(pieces) }
}
