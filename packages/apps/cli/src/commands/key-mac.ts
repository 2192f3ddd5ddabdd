import type { CommandContext, CommandInput, CommandOutcome } from "../command.ts"
import { commandError } from "../errors.ts"
import { readInput } from "../keys/bounded-input.ts"
import { deliver } from "../keys/deliver.ts"
import { nodeKeys } from "../keys/node-keys.ts"
import { optional, required, versionOption } from "../options.ts"

const FORMATS: readonly string[] = ["base64", "hex", "raw"]

/** `key mac ID [FILE] [--format base64|hex|raw] [--version N]`. */
export async function run(input: CommandInput, context: CommandContext): Promise<CommandOutcome> {
  const id = required(input.operands[0], "ID")
  const file = input.operands[1] ?? "-"
  const format = optional(input, "format") ?? "base64"
  if (!FORMATS.includes(format)) throw commandError("USAGE_INVALID", `--format must be ${FORMATS.join(", ")}, got "${format}"`)
  const options = { signal: context.signal, ...versionOption(input) }
  const message = await readInput(file, context, { instead: "authenticate its hash instead, e.g. the line that `sha256sum` prints" })
  const mac = await nodeKeys(context).mac(id, message, options)
  const json = { id, mac: Buffer.from(mac).toString("base64") }
  if (context.json || format === "base64") return { json, text: json.mac }
  if (format === "hex") return { json, text: Buffer.from(mac).toString("hex") }
  await deliver("-", mac, context)
  return { json, text: "", toStderr: true }
}
