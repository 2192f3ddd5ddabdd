import type { CommandContext, CommandInput, CommandOutcome } from "../command.ts"
import { commandError } from "../errors.ts"
import { nodeKeys } from "../keys/node-keys.ts"
import { chooseFormat, publicKeyText } from "../keys/public-key-formats.ts"
import { optional, required, versionOption } from "../options.ts"
import { versionJson } from "../keys/key-facts.ts"
import { deliver } from "../keys/deliver.ts"

/** `key public ID [--format F] [--version N]`. */
export async function run(input: CommandInput, context: CommandContext): Promise<CommandOutcome> {
  const id = required(input.operands[0], "ID")
  const key = await nodeKeys(context).public(id, { signal: context.signal, ...versionOption(input) })
  const { publicKey, type } = key
  if (publicKey === undefined)
    throw commandError("KEY_FORMAT_UNSUPPORTED", `${id} is a key of type ${type}: symmetric keys have no public part`)
  const format = chooseFormat(optional(input, "format"), type)
  const text = publicKeyText({ id, type, publicKey }, format)
  const { version, ...facts } = versionJson(key)
  const json = { id, type, keyVersion: version, ...facts, format, publicKey: text }
  if (format !== "raw" || context.json) return { json, text }
  await deliver("-", publicKey, context)
  return { json, text: "", toStderr: true }
}
