import type { CommandContext, CommandInput, CommandOutcome } from "../command.ts"
import { commandError } from "../errors.ts"
import { readInput } from "../keys/bounded-input.ts"
import { deliver } from "../keys/deliver.ts"
import { nodeKeys } from "../keys/node-keys.ts"
import { algorithmOption, optional, required } from "../options.ts"

/** `key sign ID FILE [--format base64|raw] [--algorithm A]`. */
export async function run(input: CommandInput, context: CommandContext): Promise<CommandOutcome> {
  const id = required(input.operands[0], "ID")
  const file = required(input.operands[1], "FILE")
  const format = optional(input, "format") ?? "base64"
  if (format !== "base64" && format !== "raw") throw commandError("USAGE_INVALID", `--format must be base64 or raw, got "${format}"`)
  const message = await readInput(file, context, { instead: "sign its hash instead, e.g. the line that `sha256sum` prints" })
  const { algorithm, signature, version } = await nodeKeys(context).sign(id, message, { signal: context.signal, ...algorithmOption(input) })
  const text = Buffer.from(signature).toString("base64")
  const json = { id, algorithm, keyVersion: version, signature: text }
  if (format === "base64" || context.json) return { json, text }
  await deliver("-", signature, context)
  return { json, text: "", toStderr: true }
}
