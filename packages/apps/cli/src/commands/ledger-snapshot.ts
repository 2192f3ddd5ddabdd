import { AnswerFields } from "keygrove/rpc"
import type { CommandContext, CommandInput, CommandOutcome } from "../command.ts"
import { callNode } from "../node-call.ts"

/** `ledger snapshot [--prune]`. */
export async function run(input: CommandInput, context: CommandContext): Promise<CommandOutcome> {
  const prune = input.options["prune"] === true
  const taken = new AnswerFields("ledger.snapshot", await callNode(context, "ledger.snapshot", { prune }))
  const facts = { length: taken.number("length"), head: taken.text("head"), by: taken.text("by"), prunedTo: taken.number("prunedTo") }
  const count = `${facts.length} ${facts.length === 1 ? "entry" : "entries"}`
  const dropped = prune ? `\nonly key chains are left of the entries before ${facts.prunedTo}` : ""
  return { json: facts, text: `a snapshot of ${count}, signed by ${facts.by}\nhead ${facts.head}${dropped}` }
}
