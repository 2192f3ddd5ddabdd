import { AnswerFields } from "keygrove/rpc"
import type { CommandContext, CommandInput, CommandOutcome } from "../command.ts"
import { commandError, CommandError } from "../errors.ts"
import { callNode } from "../node-call.ts"
import { optional, required } from "../options.ts"
import { readRequests } from "../pieces/unlock-requests.ts"

/** `unlock approve NAME`. */
export async function run(input: CommandInput, context: CommandContext): Promise<CommandOutcome> {
  const name = required(input.operands[0], "NAME")
  const request = optional(input, "request")
  const node = name.startsWith("/") ? name : await waitingPath(name, context)
  const params = request === undefined ? { node } : { node, request }
  const answer = new AnswerFields("unlock.approve", await callNode(context, "unlock.approve", params))
  const digits = answer.text("request")
  return { json: { node, request: digits }, text: `${node} is given its pieces in request ${digits}; it goes on by itself` }
}

/** The path of the node that waits under a name. */
async function waitingPath(name: string, context: CommandContext): Promise<string> {
  const paths = new Set((await readRequests(context)).map(({ node }) => node).filter((path) => path.endsWith(`/${name}`)))
  const [only, ...others] = paths
  if (only !== undefined && others.length === 0) return only
  if (only === undefined)
    throw new CommandError(
      "UNLOCK_REQUEST_UNKNOWN",
      `no node named "${name}" has asked this one within the last 15 minutes; approve on a member that it names, or give its whole path`,
    )
  throw commandError("USAGE_INVALID", `${[...paths].join(" and ")} wait for an approval; give the whole path`)
}
