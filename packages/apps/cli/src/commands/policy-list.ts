import { AnswerFields } from "keygrove/rpc"
import type { CommandContext, CommandInput, CommandOutcome } from "../command.ts"
import { callNode } from "../node-call.ts"
import { readPolicy } from "../policy-facts.ts"
import { relativeTime, shortened, table } from "../text.ts"

/** `policy list`. */
export async function run(_input: CommandInput, context: CommandContext): Promise<CommandOutcome> {
  const policies = new AnswerFields("policy.list", await callNode(context, "policy.list")).objects("policies").map(readPolicy)
  if (policies.length === 0) return { json: { policies }, text: "no policies yet; grant one with `keygrove grant`" }
  const now = Date.now()
  const rows = policies.map((policy) => [
    policy.id,
    policy.state,
    policy.role,
    policy.label ?? "(sealed)",
    `${policy.threshold} of ${policy.shares}`,
    relativeTime(policy.expires, now),
    shortened(policy.role === "owner" ? policy.reader : policy.owner, 16),
  ])
  return { json: { policies }, text: table(["policy", "state", "role", "label", "proxies", "expires", "other side"], rows) }
}
