import { AnswerFields } from "keygrove/rpc"
import type { CommandContext, CommandInput, CommandOutcome } from "../command.ts"
import { callNode } from "../node-call.ts"
import { optional } from "../options.ts"

/** `id`: public keys to hand out, of the node or of one of its labels. */
export async function run(input: CommandInput, context: CommandContext): Promise<CommandOutcome> {
  const label = optional(input, "label")
  if (label !== undefined) return await labelCard(label, context)
  const status = new AnswerFields("node.status", await callNode(context, "node.status"))
  const id = status.text("id")
  return { json: { id, cluster: status.text("cluster"), path: status.text("path") }, text: id }
}

async function labelCard(label: string, context: CommandContext): Promise<CommandOutcome> {
  const fields = new AnswerFields("label.publicKey", await callNode(context, "label.publicKey", { label }))
  const [card, owner] = [fields.text("card"), fields.object("owner")]
  const json = {
    card,
    label: fields.text("label"),
    cluster: owner.text("cluster"),
    path: owner.text("path"),
    epoch: fields.number("epoch"),
  }
  return { json, text: card }
}
