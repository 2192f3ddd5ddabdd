import type { Home } from "./home.ts"

/** One command of the table: what the help says and where the implementation is. Data only, so that `--help` imports nothing else. */
export interface CommandSpec {
  /** Words of the command, e.g. `policy list`. */
  readonly name: string
  /** One line for the list of commands. */
  readonly summary: string
  /** Further lines of the command's own help. */
  readonly details?: string
  readonly operands?: readonly OperandSpec[]
  readonly options?: readonly OptionSpec[]
  readonly examples: readonly string[]
  readonly load: () => Promise<{ readonly run: CommandRun }>
}

export interface OperandSpec {
  /** As commander writes it: `<FILE>` or `[FILE]`. */
  readonly name: string
  readonly description: string
  /** What it may be, for completion: these words, or the ids of the node's keys; files unless said. */
  readonly values?: readonly string[] | "keys"
}

export interface OptionSpec {
  /** As commander writes it: `-o, --out <FILE>`. */
  readonly flags: string
  readonly description: string
  readonly required?: boolean
  /** Whether it may be given several times; its value is then a list. */
  readonly repeatable?: boolean
  /** As of operands. */
  readonly values?: readonly string[] | "keys"
}

/** What a command is given. Options are named in camel case; a flag is `true`, a repeatable one a list. */
export interface CommandInput {
  readonly operands: readonly string[]
  readonly options: Readonly<Record<string, string | true | readonly string[]>>
}

export interface CommandContext {
  readonly home: Home
  readonly json: boolean
  /** Fires on ^C and SIGTERM. */
  readonly signal: AbortSignal
  readonly stdin: NodeJS.ReadStream
  readonly stdout: NodeJS.WriteStream
  readonly stderr: NodeJS.WriteStream
}

/** What a command says when it succeeded: fields of the JSON object, or lines for people. */
export interface CommandOutcome {
  readonly json: Readonly<Record<string, unknown>>
  readonly text: string
  /** Set when standard output carries data: the outcome then goes to standard error. */
  readonly toStderr?: true
  /** Exit status when not 0, e.g. 6 of `status` when the node is not running. */
  readonly exitStatus?: number
}

export type CommandRun = (input: CommandInput, context: CommandContext) => Promise<CommandOutcome>
