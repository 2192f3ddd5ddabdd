import { existsSync } from "node:fs"

/** An executable and its arguments. */
export interface Command {
  readonly command: string
  readonly args: readonly string[]
}

const SHELL = "/bin/sh"
/** Sets both limits, which the process cannot raise again, and becomes the command: same process id, same descriptors, no shell left. */
const SCRIPT = 'ulimit -c 0 && exec "$0" "$@"'
const state = { warned: false }

/**
 * The command, changed so that the system writes no core file of its process: a core of the keystore would hold every key. Node has no
 * `setrlimit`, so the shell, which POSIX requires to have `ulimit`, takes a millisecond to do it. Where there is no shell, one warning is logged and
 * the command is left as it is (docs/decisions/core-dumps.md).
 */
export function withoutCoreDumps({ command, args }: Command, shell: string = SHELL): Command {
  if (existsSync(shell)) return { command: shell, args: ["-c", SCRIPT, command, ...args] }
  if (!state.warned)
    process.stderr.write(
      `CORE_DUMPS_POSSIBLE: ${shell} is missing, so a crash of the keystore may write its secrets to a core file; set \`ulimit -c 0\`\n`,
    )
  state.warned = true
  return { command, args }
}
