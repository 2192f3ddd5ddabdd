import { createInterface } from "node:readline/promises"
import type { CommandContext } from "./command.ts"
import { commandError } from "./errors.ts"

/**
 * Asks a person on the terminal; true only for y or yes.
 * @throws CommandError `NOT_CONFIRMED` when there is no terminal.
 */
export async function confirmed(
  question: string,
  { signal, stderr, stdin }: Pick<CommandContext, "signal" | "stderr" | "stdin">,
): Promise<boolean> {
  if (!stdin.isTTY || !stderr.isTTY)
    throw commandError("NOT_CONFIRMED", "this asks first and there is no terminal to ask on; give --yes to do it unasked")
  const terminal = createInterface({ input: stdin, output: stderr })
  try {
    const answer = await terminal.question(`${question} [y/N] `, { signal })
    return /^y(?:es)?$/i.test(answer.trim())
  } finally {
    terminal.close()
  }
}
