import { decodePieces } from "keygrove/rpc"
import type { CommandContext, CommandInput, CommandOutcome } from "../command.ts"
import { confirmed } from "../confirm.ts"
import { commandError } from "../errors.ts"
import { callNode } from "../node-call.ts"

/** `pieces leave`. */
export async function run(input: CommandInput, context: CommandContext): Promise<CommandOutcome> {
  const before = decodePieces("pieces.status", await callNode(context, "pieces.status", { ask: false }))
  if (input.options["yes"] !== true) {
    const question = "have the others wipe this node's pieces? it then starts with its passphrase or key file only"
    if (!(await confirmed(question, context)))
      throw commandError("NOT_CONFIRMED", "the node is a member as before; answer y, or give --yes")
  }
  const { fewest, members, path } = decodePieces("pieces.leave", await callNode(context, "pieces.leave"))
  const rest =
    members < fewest
      ? `; ${members} ${members === 1 ? "is" : "are"} left, too few to share pieces anew`
      : `; the ${members} others begin a new key generation`
  // What a failed try may have left is wiped all the same.
  if (!before.isMember)
    return { json: { path, members, wasMember: before.isMember }, text: `${path} was no member; it starts with its passphrase or key file` }
  return {
    json: { path, members, wasMember: before.isMember },
    text: `${path} is no member any more and starts with its passphrase or key file${members === 0 ? "" : rest}`,
  }
}
