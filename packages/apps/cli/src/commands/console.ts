import { AnswerFields } from "keygrove/rpc"
import type { CommandContext, CommandInput, CommandOutcome } from "../command.ts"
import { callNode } from "../node-call.ts"

/** `console`: a link that logs a browser of this machine in to the node's console, once. */
export async function run(input: CommandInput, context: CommandContext): Promise<CommandOutcome> {
  const answer = new AnswerFields("console.link", await callNode(context, "console.link"))
  const [url, expiresAt] = [answer.text("url"), answer.number("expiresAt")]
  const lines = ["open this in a browser on this machine; it works once, until " + new Date(expiresAt).toLocaleTimeString(), url]
  if (input.options["open"] !== true) return { json: { url, expiresAt }, text: lines.join("\n") }
  const { openInBrowser } = await import("../open-in-browser.ts")
  const opened = await openInBrowser(url, context)
  const outcome = opened ? "opened in the browser; if nothing appears:" : "no browser could be started here:"
  return { json: { url, expiresAt, opened }, text: [outcome, ...lines].join("\n") }
}
