import type { CommandContext, CommandInput, CommandOutcome } from "../command.ts"
import { commandError } from "../errors.ts"
import { changed } from "../keys/key-facts.ts"
import { nodeKeys } from "../keys/node-keys.ts"
import { ruleLines, ruleOptions } from "../keys/rule-options.ts"
import { required } from "../options.ts"

/** `key rules ID [--allow CALLER:OPERATIONS]… [--per-minute N] [--confirm] | [--none]`: shows the rules, or puts others in their place. */
export async function run(input: CommandInput, context: CommandContext): Promise<CommandOutcome> {
  const id = required(input.operands[0], "ID")
  const rules = ruleOptions(input)
  const [isNone, isOther] = [input.options["none"] === true, Object.keys(rules).length > 0]
  if (isNone && isOther) throw commandError("USAGE_INVALID", "--none takes all rules away; give it alone, or the rules without it")
  const options = { signal: context.signal }
  const keys = nodeKeys(context)
  const key = isNone || isOther ? await keys.setRules(id, rules, options) : await keys.show(id, options)
  return changed(key, ruleLines(key.rules))
}
