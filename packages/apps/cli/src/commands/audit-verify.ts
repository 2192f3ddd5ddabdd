import type { CommandContext, CommandInput, CommandOutcome } from "../command.ts"
import { nodeKeys } from "../keys/node-keys.ts"

/** `audit verify`. */
export async function run(_input: CommandInput, context: CommandContext): Promise<CommandOutcome> {
  const { head, length } = await nodeKeys(context).verifyAudit({ signal: context.signal })
  const text = `${length} ${length === 1 ? "event" : "events"}, every one in its place and unchanged\nhead ${head}`
  return { json: { valid: true, length, head }, text }
}
