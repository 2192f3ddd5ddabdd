import type { CommandContext, CommandInput, CommandOutcome } from "../command.ts"
import { readInput } from "../keys/bounded-input.ts"
import { nodeKeys } from "../keys/node-keys.ts"
import { required } from "../options.ts"

const MAX_OPERATOR_INPUT_BYTES = 65_536

/** `key operate ID OPERATOR [FILE]`: without a file the function is given nothing. */
export async function run(input: CommandInput, context: CommandContext): Promise<CommandOutcome> {
  const id = required(input.operands[0], "ID")
  const operator = required(input.operands[1], "OPERATOR")
  const file = input.operands[2]
  const use = { maxBytes: MAX_OPERATOR_INPUT_BYTES, instead: "operators take no more at once" }
  const bytes = file === undefined ? new Uint8Array(0) : await readInput(file, context, use)
  const result = await nodeKeys(context).operate(id, operator, bytes, { signal: context.signal })
  const isDigest = result instanceof Uint8Array
  const text = isDigest ? Buffer.from(result).toString("base64") : String(result)
  return { json: { id, operator, ...(isDigest ? { digest: text } : { value: result }) }, text }
}
