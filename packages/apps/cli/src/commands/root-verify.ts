import type { CommandContext, CommandInput, CommandOutcome } from "../command.ts"
import { runRoot } from "../root/run-root.ts"

/** `root verify`: whether words, or shares, are those of a cluster. */
export async function run(input: CommandInput, context: CommandContext): Promise<CommandOutcome> {
  const { cluster } = await runRoot(input, context, { kind: "verify" })
  return { json: { cluster }, text: `right: the root of cluster ${cluster}` }
}
