import { AnswerFields } from "keygrove/rpc"
import type { CommandContext, CommandInput, CommandOutcome } from "../command.ts"
import { callNode } from "../node-call.ts"

/** `ledger snapshot [--prune] [--prune-etcd]`. */
export async function run(input: CommandInput, context: CommandContext): Promise<CommandOutcome> {
  const prune = input.options["prune"] === true
  const pruneEtcd = input.options["pruneEtcd"] === true
  const taken = new AnswerFields("ledger.snapshot", await callNode(context, "ledger.snapshot", { prune, pruneEtcd }))
  const facts = {
    length: taken.number("length"),
    head: taken.text("head"),
    by: taken.text("by"),
    prunedTo: taken.number("prunedTo"),
    etcdPrunedTo: taken.get("etcdPrunedTo") === null ? null : taken.number("etcdPrunedTo"),
  }
  const count = `${facts.length} ${facts.length === 1 ? "entry" : "entries"}`
  const lines = [`a snapshot of ${count}, signed by ${facts.by}`, `head ${facts.head}`]
  if (pruneEtcd)
    lines.push(
      `etcd has the snapshot, and only key chains of the entries before ${facts.etcdPrunedTo}; it gives their space back once it was compacted and defragmented`,
    )
  if (prune)
    lines.push(
      facts.etcdPrunedTo === null || pruneEtcd
        ? `only key chains are left of the entries before ${facts.prunedTo}`
        : `only key chains are left of the entries before ${facts.prunedTo} in this node's copy; etcd keeps what it has, see --prune-etcd`,
    )
  return { json: facts, text: lines.join("\n") }
}
