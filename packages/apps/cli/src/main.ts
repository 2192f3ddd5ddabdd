import type { CommandContext, CommandOutcome } from "./command.ts"
import { commands } from "./commands.ts"
import { parseCommandLine, type Invocation } from "./program.ts"

/** Runs one command and returns its exit status; nothing is thrown and nothing calls `process.exit`. */
export async function main(argv: readonly string[]): Promise<number> {
  const interruption = new AbortController()
  const interrupt = (name: NodeJS.Signals): void => interruption.abort(name)
  process.on("SIGINT", interrupt).on("SIGTERM", interrupt)
  endQuietlyOnClosedPipe(process.stdout)
  try {
    const parsed = parseCommandLine(commands, argv)
    if (parsed.kind === "help") {
      process.stdout.write(parsed.text)
      return 0
    }
    return await runCommand(parsed.invocation, interruption.signal)
  } catch (error) {
    const { reportError } = await import("./report-error.ts")
    return await reportError(error, { json: argv.includes("--json"), stderr: process.stderr, signal: interruption.signal })
  } finally {
    process.off("SIGINT", interrupt).off("SIGTERM", interrupt)
  }
}

async function runCommand(invocation: Invocation, signal: AbortSignal): Promise<number> {
  // Imported late, as the command itself, so that --help stays fast.
  const { homeFiles } = await import("./home.ts")
  const context: CommandContext = {
    home: homeFiles(invocation.home, process.env),
    json: invocation.json,
    signal,
    // Late: to touch it makes a pipe non-blocking, also for the keystore process that may inherit it for the passphrase.
    get stdin() {
      return process.stdin
    },
    stdout: process.stdout,
    stderr: process.stderr,
  }
  const { run } = await invocation.spec.load()
  const outcome = await run(invocation.input, context)
  print(outcome, context)
  return outcome.exitStatus ?? 0
}

function print(outcome: CommandOutcome, context: CommandContext): void {
  const target = outcome.toStderr === true ? context.stderr : context.stdout
  const text = context.json ? JSON.stringify({ version: 1, ...outcome.json }) : outcome.text
  if (text !== "") target.write(`${text}\n`)
}

/** `keygrove … | head` closes our standard output early: that is not an error of ours. */
function endQuietlyOnClosedPipe(stdout: NodeJS.WriteStream): void {
  stdout.on("error", (error: NodeJS.ErrnoException) => {
    if (error.code !== "EPIPE") throw error
  })
}
