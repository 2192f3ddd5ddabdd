import type { CommandContext, CommandInput, CommandOutcome } from "../command.ts"
import { changed, keyLine } from "../keys/key-facts.ts"
import { nodeKeys } from "../keys/node-keys.ts"
import { required } from "../options.ts"

/** `key rotate ID`. */
export async function run(input: CommandInput, context: CommandContext): Promise<CommandOutcome> {
  const key = await nodeKeys(context).rotate(required(input.operands[0], "ID"), { signal: context.signal })
  return changed(key, `${key.id}: ${keyLine(key)}; older versions go on verifying and decrypting`)
}
