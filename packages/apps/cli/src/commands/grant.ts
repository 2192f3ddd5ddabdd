import { MAX_SHARES } from "@keygrove/reencryption"
import { AnswerFields } from "keygrove/rpc"
import type { CommandContext, CommandInput, CommandOutcome } from "../command.ts"
import { CommandError } from "../errors.ts"
import { callNode } from "../node-call.ts"
import { required, wholeNumber } from "../options.ts"
import { moment } from "../text.ts"
import { parseWhen } from "../when.ts"

/** `grant LABEL --to kg1… -m M -n N --expires WHEN`. */
export async function run(input: CommandInput, context: CommandContext): Promise<CommandOutcome> {
  const label = required(input.operands[0], "LABEL")
  const limits = { least: 1, most: 1_000_000 }
  const threshold = wholeNumber(required(input.options["threshold"], "-m"), "-m", limits)
  const shares = wholeNumber(required(input.options["shares"], "-n"), "-n", limits)
  if (threshold > shares)
    throw new CommandError(
      "THRESHOLD_ABOVE_SHARES",
      `-m ${threshold} is above -n ${shares}: ${shares} proxies can never give ${threshold} answers; choose m ≤ n`,
      { class: "usage" },
    )
  if (shares > MAX_SHARES)
    throw new CommandError("SHARES_LIMIT", `-n ${shares} is above the limit of ${MAX_SHARES} shares; choose fewer`, { class: "usage" })
  const now = Date.now()
  const expires = parseWhen(required(input.options["expires"], "--expires"), "--expires", now)
  const to = required(input.options["to"], "--to")
  const policy = new AnswerFields("policy.grant", await callNode(context, "policy.grant", { label, to, threshold, shares, expires })).text(
    "id",
  )
  return {
    json: { policy, label, to, threshold, shares, expires: new Date(expires).toISOString() },
    text: `policy ${policy}\n"${label}" can be opened through ${threshold} of ${shares} proxies until ${moment(expires, now)}`,
  }
}
