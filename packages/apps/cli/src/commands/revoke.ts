import { AnswerFields } from "keygrove/rpc"
import type { CommandContext, CommandInput, CommandOutcome } from "../command.ts"
import { callNode } from "../node-call.ts"
import { required } from "../options.ts"

/** `revoke POLICY`: how many proxies have confirmed tells whether the fragments that are left could still open anything. */
export async function run(input: CommandInput, context: CommandContext): Promise<CommandOutcome> {
  const answer = new AnswerFields(
    "policy.revoke",
    await callNode(context, "policy.revoke", { policy: required(input.operands[0], "POLICY") }),
  )
  const facts = {
    policy: answer.text("policy"),
    revoked: true,
    confirmed: answer.number("confirmed"),
    needed: answer.number("needed"),
    shares: answer.number("shares"),
  }
  return { json: facts, text: `policy ${facts.policy} is revoked\n${confirmations(facts)}` }
}

function confirmations({
  confirmed,
  needed,
  shares,
}: {
  readonly confirmed: number
  readonly needed: number
  readonly shares: number
}): string {
  const counted = `${confirmed} of ${shares} proxies confirmed that they forgot their fragment`
  return confirmed >= needed
    ? `${counted}; ${needed} are needed so that the rest can open nothing`
    : `${counted}, ${needed} are needed so that the rest can open nothing; the node goes on asking`
}
