import type { OperatorDescription } from "keygrove/rpc"
import type { CommandContext, CommandInput, CommandOutcome } from "../command.ts"
import { nodeKeys } from "../keys/node-keys.ts"
import { table } from "../text.ts"

/** `operator list`. */
export async function run(_input: CommandInput, context: CommandContext): Promise<CommandOutcome> {
  const operators = await nodeKeys(context).operators({ signal: context.signal })
  const rows = operators.map(({ keys, name, output, perMinute, types }) => [
    name,
    outputText(output),
    String(perMinute),
    types.join(" "),
    keys.join(" "),
  ])
  const text =
    operators.length === 0
      ? "no operators; they are registered in config.json, see docs/operators.md"
      : table(["name", "gives", "per minute", "types", "keys"], rows)
  return { json: { operators }, text }
}

function outputText(output: OperatorDescription["output"]): string {
  if (output.kind === "integer") return `0–${output.max}`
  return output.kind === "choice" ? `one of ${output.names.length} names` : output.kind
}
