import type { CommandContext, CommandInput, CommandOutcome } from "../command.ts"
import { commandError } from "../errors.ts"
import { readInput } from "../keys/bounded-input.ts"
import { deliver } from "../keys/deliver.ts"
import { nodeKeys } from "../keys/node-keys.ts"
import { contextOption, optional, required } from "../options.ts"
import { byteCount } from "../text.ts"

/** `key encrypt ID [FILE] [-o OUT] [--context TEXT]`. */
export async function run(input: CommandInput, context: CommandContext): Promise<CommandOutcome> {
  const id = required(input.operands[0], "ID")
  const file = input.operands[1] ?? "-"
  const out = optional(input, "out") ?? "-"
  if (out === "-" && context.stdout.isTTY)
    throw commandError("USAGE_INVALID", "a ciphertext is no text for a terminal; give -o FILE, or pipe it")
  const plaintext = await readInput(file, context, { instead: "files of any size are for `keygrove encrypt`" })
  const ciphertext = await nodeKeys(context).encrypt(id, plaintext, { signal: context.signal, ...contextOption(input) })
  await deliver(out, ciphertext, context)
  const json = { id, file: out, bytes: plaintext.length }
  if (out === "-") return { json, text: "", toStderr: true }
  return { json, text: `${out}: ${byteCount(plaintext.length)} encrypted under ${id}` }
}
