import type { CommandContext, CommandInput, CommandOutcome } from "../command.ts"
import { MAX_INPUT_BYTES, readInput } from "../keys/bounded-input.ts"
import { deliver } from "../keys/deliver.ts"
import { nodeKeys } from "../keys/node-keys.ts"
import { contextOption, optional, required } from "../options.ts"
import { byteCount } from "../text.ts"

/** Format, version, salt or encapsulated key, and tag. */
const OVERHEAD_BYTES = 53

/** `key decrypt ID [FILE] [-o OUT] [--context TEXT]`. */
export async function run(input: CommandInput, context: CommandContext): Promise<CommandOutcome> {
  const id = required(input.operands[0], "ID")
  const file = input.operands[1] ?? "-"
  const out = optional(input, "out") ?? "-"
  const use = { maxBytes: MAX_INPUT_BYTES + OVERHEAD_BYTES, instead: "`keygrove key encrypt` makes nothing that long" }
  const ciphertext = await readInput(file, context, use)
  const plaintext = await nodeKeys(context).decrypt(id, ciphertext, { signal: context.signal, ...contextOption(input) })
  await deliver(out, plaintext, context)
  const json = { id, file: out, bytes: plaintext.length }
  if (out === "-") return { json, text: "", toStderr: true }
  return { json, text: `${out}: ${byteCount(plaintext.length)} decrypted with ${id}` }
}
