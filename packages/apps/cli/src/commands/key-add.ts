import type { KeyOrder, NamedKeyRules } from "keygrove/rpc"
import type { CommandContext, CommandInput, CommandOutcome } from "../command.ts"
import { parseAllow } from "../keys/allow.ts"
import { keyJson, keyLine } from "../keys/key-facts.ts"
import { openKeySource } from "../keys/key-source.ts"
import { keyTypeOption } from "../keys/key-type-option.ts"
import { nodeKeys } from "../keys/node-keys.ts"
import { optional, repeated, required, wholeNumber } from "../options.ts"

/** `key add ID --type T [--from SOURCE]`: makes sure that a key exists. */
export async function run(input: CommandInput, context: CommandContext): Promise<CommandOutcome> {
  const id = required(input.operands[0], "ID")
  using source = openKeySource(optional(input, "from") ?? "generate", process.env)
  const order: KeyOrder = {
    id,
    type: keyTypeOption(input),
    from: source.from,
    exportable: input.options["exportable"] === true,
    rules: rulesOf(input),
  }
  const { created, key } = await nodeKeys(context).add(order, { signal: context.signal })
  const text = created ? `${key.id}: ${keyLine(key)}` : `${key.id} was there already and stays as it is: ${keyLine(key)}`
  return { json: { created, ...keyJson(key) }, text }
}

function rulesOf(input: CommandInput): NamedKeyRules {
  const allow = repeated(input, "allow").map(parseAllow)
  const perMinute = optional(input, "perMinute")
  return {
    ...(allow.length === 0 ? {} : { allow }),
    ...(perMinute === undefined ? {} : { perMinute: wholeNumber(perMinute, "--per-minute", { least: 1, most: 1_000_000 }) }),
    ...(input.options["confirm"] === true ? { confirm: true } : {}),
  }
}
