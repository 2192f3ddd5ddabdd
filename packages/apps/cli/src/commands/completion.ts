import type { CommandContext, CommandInput, CommandOutcome } from "../command.ts"
import { commands } from "../commands.ts"
import { bashCompletion } from "../completion/bash-completion.ts"
import { completionWords } from "../completion/completion-words.ts"
import { fishCompletion } from "../completion/fish-completion.ts"
import { zshCompletion } from "../completion/zsh-completion.ts"
import { commandError } from "../errors.ts"
import { required } from "../options.ts"

const shells = new Map([
  ["bash", bashCompletion],
  ["zsh", zshCompletion],
  ["fish", fishCompletion],
])

/** `completion SHELL`. */
export async function run(input: CommandInput, _context: CommandContext): Promise<CommandOutcome> {
  const shell = required(input.operands[0], "SHELL")
  const script = shells.get(shell)?.(completionWords(commands))
  if (script === undefined)
    throw commandError("USAGE_INVALID", `there is a script for ${[...shells.keys()].join(", ")}, not for "${shell.slice(0, 40)}"`)
  return await Promise.resolve({ json: { shell, script }, text: script.trimEnd() })
}
