import { AnswerFields } from "keygrove/rpc"
import type { CommandContext, CommandInput, CommandOutcome } from "../command.ts"
import { callNode } from "../node-call.ts"
import { fields, moment } from "../text.ts"

/** `proxy status`. */
export async function run(_input: CommandInput, context: CommandContext): Promise<CommandOutcome> {
  const answer = new AnswerFields("proxy.status", await callNode(context, "proxy.status"))
  const fragments = answer.number("fragments")
  if (answer.get("terms") === null)
    return { json: { terms: null, fragments }, text: "offers nothing; start with `keygrove proxy offer --until 90d`" }
  const terms = answer.object("terms")
  const [until, capacity] = [terms.number("until"), terms.number("capacity")]
  const text = fields([
    ["offer", `until ${moment(until, Date.now())}`],
    ["fragments", `${fragments} of ${capacity}`],
  ])
  return { json: { terms: { until: new Date(until).toISOString(), capacity }, fragments }, text }
}
