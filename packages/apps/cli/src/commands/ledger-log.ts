import { AnswerFields } from "keygrove/rpc"
import type { CommandContext, CommandInput, CommandOutcome } from "../command.ts"
import { callNode } from "../node-call.ts"
import { optional, wholeNumber } from "../options.ts"
import { table } from "../text.ts"

/** `ledger log [--from INDEX] [--limit N]`. */
export async function run(input: CommandInput, context: CommandContext): Promise<CommandOutcome> {
  const limit = wholeNumber(optional(input, "limit") ?? "20", "--limit", { least: 1, most: 256 })
  const from = optional(input, "from")
  const first =
    from === undefined
      ? Math.max(0, (await length(context)) - limit)
      : wholeNumber(from, "--from", { least: 0, most: Number.MAX_SAFE_INTEGER })
  const answer = new AnswerFields("ledger.entries", await callNode(context, "ledger.entries", { from: first, limit }))
  const entries = answer.objects("entries").map((entry) => ({
    index: entry.number("index"),
    kind: entry.text("kind"),
    cluster: entry.text("cluster"),
    path: entry.text("path"),
    void: entry.optionalText("void") ?? null,
  }))
  const rows = entries.map((entry) => [
    String(entry.index),
    entry.kind,
    `${entry.cluster.slice(0, 12)}… ${entry.path}`,
    entry.void === null ? "" : `void: ${entry.void}`,
  ])
  return { json: { entries }, text: entries.length === 0 ? "no entries" : table(["index", "kind", "author", ""], rows) }
}

async function length(context: CommandContext): Promise<number> {
  return new AnswerFields("ledger.status", await callNode(context, "ledger.status")).number("length")
}
