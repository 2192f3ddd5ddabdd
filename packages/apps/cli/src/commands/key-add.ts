import type { KeyOrder } from "keygrove/rpc"
import type { CommandContext, CommandInput, CommandOutcome } from "../command.ts"
import { commandError } from "../errors.ts"
import { keyJson, keyLine } from "../keys/key-facts.ts"
import { openKeySource } from "../keys/key-source.ts"
import { keyTypeOption } from "../keys/key-type-option.ts"
import { nodeKeys } from "../keys/node-keys.ts"
import { ruleOptions } from "../keys/rule-options.ts"
import { optional, required } from "../options.ts"

/** `key add ID --type T [--from SOURCE]`: makes sure that a key exists. */
export async function run(input: CommandInput, context: CommandContext): Promise<CommandOutcome> {
  const id = required(input.operands[0], "ID")
  using source = openKeySource(optional(input, "from") ?? "generate", process.env)
  const order: KeyOrder = {
    id,
    type: keyTypeOption(input),
    from: source.from,
    exportable: input.options["exportable"] === true,
    rules: ruleOptions(input),
    ...backendOption(input),
  }
  const { created, key } = await nodeKeys(context).add(order, { signal: context.signal })
  const text = created ? `${key.id}: ${keyLine(key)}` : `${key.id} was there already and stays as it is: ${keyLine(key)}`
  return { json: { created, ...keyJson(key) }, text }
}

function backendOption(input: CommandInput): Pick<KeyOrder, "backend"> {
  const asked = optional(input, "backend")
  if (asked === undefined) return {}
  if (asked === "sealed" || asked === "pkcs11") return { backend: asked }
  throw commandError(
    "USAGE_INVALID",
    asked === "preload"
      ? `a preloaded key is one that config.json names with "backend": "preload"; name it there and restart the node`
      : `--backend must be sealed or pkcs11, got "${asked}"`,
  )
}
