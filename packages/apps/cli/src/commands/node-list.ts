import type { ClusterNode } from "keygrove/rpc"
import type { CommandContext, CommandInput, CommandOutcome } from "../command.ts"
import { table } from "../text.ts"
import { readTree } from "../tree/node-tree.ts"

/** `node list`. */
export async function run(_input: CommandInput, context: CommandContext): Promise<CommandOutcome> {
  const { cluster, nodes, origin } = await readTree(context)
  const rows = nodes.map((node) => [
    `${node.path}${node.self ? " *" : ""}`,
    String(node.generation),
    epochOf(node),
    stateOf(node),
    String(node.at),
  ])
  const text = `cluster ${cluster}\n${table(["node", "generation", "epoch", "state", "since entry"], rows)}`
  return { json: { cluster, origin, nodes }, text }
}

function epochOf({ epoch, owesEpoch }: ClusterNode): string {
  const now = epoch === 0 ? "-" : String(epoch)
  return owesEpoch === null ? now : `${now}, owes ${owesEpoch}`
}

function stateOf({ reason, state }: ClusterNode): string {
  return reason === null ? state : `${state} (${reason})`
}
