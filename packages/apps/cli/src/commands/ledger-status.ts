import { AnswerFields } from "keygrove/rpc"
import type { CommandContext, CommandInput, CommandOutcome } from "../command.ts"
import { callNode } from "../node-call.ts"
import { etcdMemberRows } from "../etcd-rows.ts"
import { fields } from "../text.ts"

/** `ledger status`. */
export async function run(_input: CommandInput, context: CommandContext): Promise<CommandOutcome> {
  const ledger = new AnswerFields("ledger.status", await callNode(context, "ledger.status"))
  const facts = {
    role: ledger.text("role"),
    length: ledger.number("length"),
    head: ledger.text("head"),
    address: ledger.optionalText("address") ?? null,
    snapshot: snapshotOf(ledger),
    prunedTo: ledger.number("prunedTo"),
    etcd: ledger.get("etcd") ?? null,
  }
  const rows: readonly (readonly [string, string])[] = [
    ["role", facts.role],
    ["entries", String(facts.length)],
    ["head", facts.head],
    ["address", facts.address ?? "(not listening)"],
    ["snapshot", facts.snapshot === null ? "none yet" : `at ${facts.snapshot.length}, by ${facts.snapshot.by}`],
    ...prunedRows(facts.prunedTo),
    ...etcdMemberRows(ledger),
  ]
  return { json: facts, text: fields(rows) }
}

function snapshotOf(ledger: AnswerFields): { readonly length: number; readonly head: string; readonly by: string } | null {
  if (ledger.get("snapshot") === null) return null
  const snapshot = ledger.object("snapshot")
  return { length: snapshot.number("length"), head: snapshot.text("head"), by: snapshot.text("by") }
}

function prunedRows(prunedTo: number): readonly (readonly [string, string])[] {
  return prunedTo === 0 ? [] : [["pruned", `only key chains are left of entries before ${prunedTo}`]]
}
