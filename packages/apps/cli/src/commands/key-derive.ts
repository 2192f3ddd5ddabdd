import type { CommandContext, CommandInput, CommandOutcome } from "../command.ts"
import { changed, keyLine } from "../keys/key-facts.ts"
import { keyTypeOption } from "../keys/key-type-option.ts"
import { nodeKeys } from "../keys/node-keys.ts"
import { required } from "../options.ts"

/** `key derive ID CHILD --type T`: makes sure that a child key exists. */
export async function run(input: CommandInput, context: CommandContext): Promise<CommandOutcome> {
  const id = required(input.operands[0], "ID")
  const child = required(input.operands[1], "CHILD")
  const key = await nodeKeys(context).derive({ id, child, type: keyTypeOption(input) }, { signal: context.signal })
  return changed(key, `${key.id}: ${keyLine(key)}, from ${id}`)
}
