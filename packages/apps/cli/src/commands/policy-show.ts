import { AnswerFields } from "keygrove/rpc"
import type { CommandContext, CommandInput, CommandOutcome } from "../command.ts"
import { callNode } from "../node-call.ts"
import { required } from "../options.ts"
import { readPolicy } from "../policy-facts.ts"
import { fields, moment } from "../text.ts"

/** `policy show POLICY`. */
export async function run(input: CommandInput, context: CommandContext): Promise<CommandOutcome> {
  const id = required(input.operands[0], "POLICY")
  const answer = new AnswerFields("policy.show", await callNode(context, "policy.show", { policy: id }))
  const policy = readPolicy(answer)
  const proxies = answer.objects("proxies").map((proxy) => ({ signingKey: proxy.text("signingKey"), addresses: proxy.texts("addresses") }))
  const rows: readonly (readonly [string, string])[] = [
    ["policy", policy.id],
    // After a rekey of its owner a grant has a policy for each key of its label; revoking any revokes all.
    ...policy.policies.slice(1).map((id): readonly [string, string] => ["with", id]),
    ["state", policy.state],
    ["label", policy.label ?? "(known to its owner only)"],
    ["owner", policy.owner],
    ["reader", policy.reader],
    ["proxies", `${policy.threshold} of ${policy.shares} must answer`],
    ["expires", moment(policy.expires, Date.now())],
    ...proxies.map((proxy): readonly [string, string] => ["", `${proxy.signingKey}  ${proxy.addresses.join(" ")}`]),
  ]
  return { json: { ...policy, proxies }, text: fields(rows) }
}
