import { AnswerFields } from "keygrove/rpc"
import type { CommandContext, CommandInput, CommandOutcome } from "../command.ts"
import { commandError } from "../errors.ts"
import { callNode } from "../node-call.ts"
import { required, wholeNumber } from "../options.ts"
import { moment } from "../text.ts"
import { parseWhen } from "../when.ts"

/** Most shares of one policy; the node checks again. */
const MAX_SHARES = 64

/** `grant LABEL --to kg1… -m M -n N --expires WHEN`. */
export async function run(input: CommandInput, context: CommandContext): Promise<CommandOutcome> {
  const label = required(input.operands[0], "LABEL")
  const limits = { least: 1, most: 1_000_000 }
  const threshold = wholeNumber(required(input.options["threshold"], "-m"), "-m", limits)
  const shares = wholeNumber(required(input.options["shares"], "-n"), "-n", limits)
  if (threshold > shares)
    throw commandError(
      "THRESHOLD_INVALID",
      `-m ${threshold} is above -n ${shares}: ${shares} proxies can never give ${threshold} answers; choose m ≤ n`,
    )
  if (shares > MAX_SHARES) throw commandError("THRESHOLD_INVALID", `-n ${shares} is above the limit of ${MAX_SHARES} shares; choose fewer`)
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
