import type { CommandSpec, OptionSpec } from "../command.ts"

/** What can follow the words of one command or group. */
export interface CompletionWords {
  /** Words typed so far: empty, a group such as `key`, or a command. */
  readonly path: string
  /** Commands, or what the first operand may be; `keys` stands for the ids of the node. */
  readonly words: readonly string[] | "keys"
  /** Without those of every command: --home, --json and --help. */
  readonly options: readonly CompletionOption[]
}

/** One way to write an option. */
export interface CompletionOption {
  readonly flag: string
  readonly description: string
  /** What it may be; none when it is a flag, empty when it can be anything, such as a file. */
  readonly values?: readonly string[] | "keys"
}

/** The command table as completion sees it: groups first, each once. */
export function completionWords(commands: readonly CommandSpec[]): readonly CompletionWords[] {
  const names = commands.map(({ name }) => name.split(" "))
  const groups = new Set(names.map((words) => words.slice(0, -1).join(" ")))
  const below = (path: string): readonly string[] => [
    ...new Set(names.map((words) => words.join(" ")).flatMap((name) => nextWord(name, path))),
  ]
  return [
    ...[...groups].filter((path) => !commands.some(({ name }) => name === path)).map((path) => ({ path, words: below(path), options: [] })),
    ...commands.map(({ name, operands = [], options = [] }) => ({
      path: name,
      words: operands[0]?.values ?? below(name),
      options: options.flatMap(optionsOf),
    })),
  ]
}

function nextWord(name: string, path: string): readonly string[] {
  if (path !== "" && !name.startsWith(`${path} `)) return []
  const [next] = name.slice(path === "" ? 0 : path.length + 1).split(" ")
  return next === undefined ? [] : [next]
}

function optionsOf({ description, flags, values }: OptionSpec): readonly CompletionOption[] {
  const takesValue = flags.includes("<")
  return (flags.match(/--?[a-z][a-z-]*/g) ?? []).map((flag) => ({ flag, description, ...(takesValue ? { values: values ?? [] } : {}) }))
}
