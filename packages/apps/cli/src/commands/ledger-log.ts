import { AnswerFields } from "keygrove/rpc"
import type { CommandContext, CommandInput, CommandOutcome } from "../command.ts"
import { callNode } from "../node-call.ts"
import { optional, wholeNumber } from "../options.ts"
import { shortened, table } from "../text.ts"

interface ShownEntry {
  readonly index: number
  readonly kind: string
  readonly cluster: string
  readonly path: string
  readonly says: string
}

/** `ledger log [--from INDEX] [--limit N] [--kind KIND]`. */
export async function run(input: CommandInput, context: CommandContext): Promise<CommandOutcome> {
  const limit = wholeNumber(optional(input, "limit") ?? "20", "--limit", { least: 1, most: 256 })
  const kind = optional(input, "kind")
  const from = optional(input, "from")
  const first = from === undefined ? undefined : wholeNumber(from, "--from", { least: 0, most: Number.MAX_SAFE_INTEGER })
  const { length, prunedTo } = await extentOf(context)
  const start = first ?? (kind === undefined ? Math.max(prunedTo, length - limit) : prunedTo)
  const entries = await readEntries(context, { start, end: length, limit, ...(kind === undefined ? {} : { kind }) })
  const rows = entries.map(({ cluster, index, kind: each, path, says }) => [String(index), each, `${shortened(cluster)} ${path}`, says])
  const none = prunedTo === 0 ? "no entries" : `no entries; those before ${prunedTo} were dropped from this node's copy`
  return { json: { entries }, text: entries.length === 0 ? none : table(["index", "kind", "author", "says"], rows) }
}

interface WantedEntries {
  readonly start: number
  readonly end: number
  readonly limit: number
  readonly kind?: string
}

/** Asks on where the node has looked through a part without finding enough. */
async function readEntries(context: CommandContext, { end, kind, limit, start }: WantedEntries): Promise<readonly ShownEntry[]> {
  const entries: ShownEntry[] = []
  for (let from = start; ;) {
    const wanted = { from, limit: limit - entries.length, ...(kind === undefined ? {} : { kind }) }
    const answer = new AnswerFields("ledger.entries", await callNode(context, "ledger.entries", wanted))
    entries.push(...answer.objects("entries").map(entryOf))
    const next = answer.number("next")
    if (entries.length >= limit || next >= end || next <= from) return entries
    from = next
  }
}

function entryOf(entry: AnswerFields): ShownEntry {
  return {
    index: entry.number("index"),
    kind: entry.text("kind"),
    cluster: entry.text("cluster"),
    path: entry.text("path"),
    says: entry.text("says"),
  }
}

async function extentOf(context: CommandContext): Promise<{ readonly length: number; readonly prunedTo: number }> {
  const ledger = new AnswerFields("ledger.status", await callNode(context, "ledger.status"))
  return { length: ledger.number("length"), prunedTo: ledger.number("prunedTo") }
}
