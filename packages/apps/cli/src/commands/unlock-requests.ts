import type { CommandContext, CommandInput, CommandOutcome } from "../command.ts"
import { readRequests } from "../pieces/unlock-requests.ts"
import { relativeTime, table } from "../text.ts"

/** `unlock requests`. */
export async function run(_input: CommandInput, context: CommandContext): Promise<CommandOutcome> {
  const requests = await readRequests(context)
  const rows = requests.map(({ approved, askedAt, node, request }) => [
    node,
    request,
    relativeTime(askedAt, Date.now()),
    approved ? "approved" : `keygrove unlock approve ${node} --request ${request}`,
  ])
  const text = rows.length === 0 ? "no node waits for an approval" : table(["node", "request", "asked", "to approve"], rows)
  return { json: { requests }, text }
}
