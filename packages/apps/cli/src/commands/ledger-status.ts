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
    etcd: ledger.get("etcd") ?? null,
  }
  const rows: readonly (readonly [string, string])[] = [
    ["role", facts.role],
    ["entries", String(facts.length)],
    ["head", facts.head],
    ["address", facts.address ?? "(not listening)"],
    ...etcdMemberRows(ledger),
  ]
  return { json: facts, text: fields(rows) }
}
