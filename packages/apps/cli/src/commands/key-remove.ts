import type { CommandContext, CommandInput, CommandOutcome } from "../command.ts"
import { confirmed } from "../confirm.ts"
import { commandError } from "../errors.ts"
import { changed } from "../keys/key-facts.ts"
import { nodeKeys } from "../keys/node-keys.ts"
import { required } from "../options.ts"

/** `key remove ID [--yes]`: destroys every version. */
export async function run(input: CommandInput, context: CommandContext): Promise<CommandOutcome> {
  const id = required(input.operands[0], "ID")
  const keys = nodeKeys(context)
  if (input.options["yes"] !== true) {
    // Asked only about a key that is there.
    const { type } = await keys.public(id, { signal: context.signal })
    const question = `destroy ${id} (${type})? What it signed stays signed; what it encrypted is lost for ever.`
    if (!(await confirmed(question, context))) throw commandError("NOT_CONFIRMED", `${id} was left as it is; answer y, or give --yes`)
  }
  const key = await keys.destroy(id, { signal: context.signal })
  return changed(key, `${key.id} is destroyed; its secrets are wiped`)
}
