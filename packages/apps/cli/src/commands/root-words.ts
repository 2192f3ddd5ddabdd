import type { CommandContext, CommandInput, CommandOutcome } from "../command.ts"
import { commandError } from "../errors.ts"
import { optional } from "../options.ts"
import { namesRoot } from "../root/root-sources.ts"
import { runRoot } from "../root/run-root.ts"

/** `root words`: the words of which there are shares. */
export async function run(input: CommandInput, context: CommandContext): Promise<CommandOutcome> {
  if (!namesRoot(input)) throw commandError("USAGE_INVALID", "the words are made of shares; give --shares, or --shares-file FILE for each")
  const out = optional(input, "wordsOut")
  const { cluster } = await runRoot(input, context, { kind: "words", ...(out === undefined ? {} : { out }) })
  const where = out === undefined ? "shown" : `in ${out}`
  return { json: { cluster, ...(out === undefined ? {} : { wordsFile: out }) }, text: `the words of cluster ${cluster} are ${where}` }
}
