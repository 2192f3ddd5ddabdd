import { MAX_PROXY_CAPACITY } from "@keygrove/reencryption"
import type { CommandContext, CommandInput, CommandOutcome } from "../command.ts"
import { callNode } from "../node-call.ts"
import { optional, required, wholeNumber } from "../options.ts"
import { moment } from "../text.ts"
import { parseWhen } from "../when.ts"

const DEFAULT_CAPACITY = "1000"

/** `proxy offer --until WHEN [--capacity N]`. */
export async function run(input: CommandInput, context: CommandContext): Promise<CommandOutcome> {
  const now = Date.now()
  const until = parseWhen(required(input.options["until"], "--until"), "--until", now)
  const capacity = wholeNumber(optional(input, "capacity") ?? DEFAULT_CAPACITY, "--capacity", { least: 1, most: MAX_PROXY_CAPACITY })
  await callNode(context, "proxy.offer", { until, capacity })
  return {
    json: { until: new Date(until).toISOString(), capacity },
    text: `offers to keep up to ${capacity} fragments until ${moment(until, now)}`,
  }
}
