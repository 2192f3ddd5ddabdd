import { AnswerFields } from "keygrove/rpc"
import type { CommandContext, CommandInput, CommandOutcome } from "../command.ts"
import { callNode } from "../node-call.ts"
import { relativeTime, shortened, table } from "../text.ts"

/** `trust list`. */
export async function run(_input: CommandInput, context: CommandContext): Promise<CommandOutcome> {
  const clusters = new AnswerFields("trust.list", await callNode(context, "trust.list")).objects("clusters").map((each) => ({
    cluster: each.text("cluster"),
    nickname: each.optionalText("nickname") ?? null,
    state: each.text("state"),
    nodes: each.number("nodes"),
    lastSeen: each.get("lastSeen") === null ? null : new Date(each.number("lastSeen")).toISOString(),
    since: each.number("since"),
    keyChain: each.get("keyChain") === null ? null : chainOf(each.object("keyChain")),
  }))
  const rows = clusters.map(({ cluster, keyChain, lastSeen, nickname, nodes, since, state }) => [
    nickname ?? "-",
    shortened(cluster, 16),
    state,
    String(nodes),
    keyChain === null ? "-" : `${keyChain.length} entries, ${shortened(keyChain.head, 8)}`,
    lastSeen === null ? "never" : relativeTime(Date.parse(lastSeen), Date.now()),
    String(since),
  ])
  const text = rows.length === 0 ? "no cluster is trusted; `keygrove meet` begins a meeting" : table(HEADER, rows)
  return { json: { clusters }, text }
}

const HEADER: readonly string[] = ["name", "cluster", "state", "nodes", "key chain", "last seen", "since entry"]

function chainOf(chain: AnswerFields): { readonly length: number; readonly head: string } {
  return { length: chain.number("length"), head: chain.text("head") }
}
