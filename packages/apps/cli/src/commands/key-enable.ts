import type { CommandContext, CommandInput, CommandOutcome } from "../command.ts"
import { changed } from "../keys/key-facts.ts"
import { nodeKeys } from "../keys/node-keys.ts"
import { required, versionOption } from "../options.ts"

/** `key enable ID [--version N]`. */
export async function run(input: CommandInput, context: CommandContext): Promise<CommandOutcome> {
  const id = required(input.operands[0], "ID")
  const meant = versionOption(input)
  const key = await nodeKeys(context).enable(id, { signal: context.signal, ...meant })
  return changed(key, `${meant.version === undefined ? key.id : `version ${meant.version} of ${key.id}`} is enabled`)
}
