import type { CommandContext, CommandInput, CommandOutcome } from "../command.ts"
import { commandError } from "../errors.ts"
import { readInput } from "../keys/bounded-input.ts"
import { deliver } from "../keys/deliver.ts"
import { toDer } from "../keys/ecdsa-der.ts"
import { nodeKeys } from "../keys/node-keys.ts"
import { algorithmOption, optional, required } from "../options.ts"

const FORMATS: readonly string[] = ["base64", "raw", "der"]

/** `key sign ID FILE [--format base64|raw|der] [--algorithm A]`. */
export async function run(input: CommandInput, context: CommandContext): Promise<CommandOutcome> {
  const id = required(input.operands[0], "ID")
  const file = required(input.operands[1], "FILE")
  const format = optional(input, "format") ?? "base64"
  if (!FORMATS.includes(format)) throw commandError("USAGE_INVALID", `--format must be ${FORMATS.join(", ")}, got "${format}"`)
  const message = await readInput(file, context, { instead: "sign its hash instead, e.g. the line that `sha256sum` prints" })
  const { algorithm, signature, version } = await nodeKeys(context).sign(id, message, { signal: context.signal, ...algorithmOption(input) })
  if (format === "der" && algorithm !== "ecdsa-sha256")
    throw commandError("KEY_FORMAT_UNSUPPORTED", `${algorithm} signatures have no DER form; give --format base64 or raw`)
  const made = format === "der" ? toDer(signature) : signature
  const text = Buffer.from(made).toString("base64")
  const json = { id, algorithm, keyVersion: version, signature: text }
  if (format === "base64" || context.json) return { json, text }
  await deliver("-", made, context)
  return { json, text: "", toStderr: true }
}
