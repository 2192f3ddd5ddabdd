import { callRpc } from "keygrove/rpc"
import type { CommandContext } from "./command.ts"
import { CommandError } from "./errors.ts"

/**
 * Asks the node of this home directory; what it refuses ends the command with the node's own code and message.
 * @throws CommandError
 */
export async function callNode(
  { home, signal }: Pick<CommandContext, "home" | "signal">,
  method: string,
  params: object = {},
): Promise<unknown> {
  const { socket, cookie } = home
  const answer = await callRpc({ socketPath: socket, cookiePath: cookie }, method, params, { signal })
  if (answer.ok) return answer.value
  throw new CommandError(answer.code, answer.message, answer.data === undefined ? {} : { data: answer.data })
}
