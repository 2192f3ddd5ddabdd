import { Command, CommanderError } from "commander"
import type { CommandInput, CommandSpec } from "./command.ts"
import { commandError } from "./errors.ts"

export interface Invocation {
  readonly spec: CommandSpec
  readonly input: CommandInput
  readonly home: string | undefined
  readonly json: boolean
}

export type Parsed = { readonly kind: "run"; readonly invocation: Invocation } | { readonly kind: "help"; readonly text: string }

/** Help of one command, or of all when no `name` is given. */
export function helpText(specs: readonly CommandSpec[], name?: string): string {
  const found = { command: build(specs, () => undefined) }
  for (const word of name === undefined ? [] : name.split(" "))
    found.command = found.command.commands.find((child) => child.name() === word) ?? found.command
  const parts: string[] = []
  found.command.configureOutput({ writeOut: (text) => parts.push(text) }).outputHelp()
  return parts.join("")
}

/**
 * Reads a command line against the table.
 * @throws CommandError `USAGE_INVALID` on anything that is not in it.
 */
export function parseCommandLine(specs: readonly CommandSpec[], argv: readonly string[]): Parsed {
  const printed: string[] = []
  const invocations: Invocation[] = []
  const program = build(meant(specs, argv), (invocation) => invocations.push(invocation), printed)
  try {
    program.parse([...argv], { from: "user" })
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error
    if (error.code === "commander.helpDisplayed") return { kind: "help", text: printed.join("") }
    throw commandError("USAGE_INVALID", usageMessage(error, argv))
  }
  const invocation = invocations[0]
  if (invocation === undefined) return { kind: "help", text: helpText(specs) }
  return { kind: "run", invocation }
}

/** The commands that a line can mean which begins with one's name: to declare all of them takes a tenth of the time that a command has. */
function meant(specs: readonly CommandSpec[], [first]: readonly string[]): readonly CommandSpec[] {
  const found = specs.filter(({ name }) => name.split(" ", 1)[0] === first)
  return found.length === 0 ? specs : found
}

function usageMessage(error: CommanderError, argv: readonly string[]): string {
  const words = argv.filter((word) => !word.startsWith("-")).slice(0, 1)
  const help = ["keygrove", ...words, "--help"].join(" ")
  if (error.code === "commander.help") return `a command is missing; see \`${help}\``
  // A value after an unknown option may be a secret that someone tried to pass: it is not repeated.
  const message = error.message
    .replace(/^error: /, "")
    .replaceAll("\n", " ")
    .replace(/\.$/, "")
    .replace(/'(--?[^'=]+)=[^']*'/, "'$1=…'")
  return `${message}; see \`${help}\``
}

function build(specs: readonly CommandSpec[], found: (invocation: Invocation) => void, printed: string[] = []): Command {
  const configure = (command: Command): Command =>
    command
      .exitOverride()
      .configureOutput({ writeOut: (text) => printed.push(text), writeErr: () => undefined })
      .configureHelp({ showGlobalOptions: true, helpWidth: 110 })
      .helpCommand(false)
      .helpOption("-h, --help", "show this help")
  const program = configure(new Command("keygrove"))
    .description("Keys for people who run their own machines: one root key, encrypted files, and sharing that can be revoked.")
    .option("--home <DIR>", "home directory of the node (default: $KEYGROVE_HOME, else keygrove in the XDG data home)")
    .option("--json", "print one JSON object instead of text, errors too")
    .addHelpText(
      "after",
      "\nExit status: 0 ok · 1 failed · 2 usage · 3 locked · 4 refused · 5 not enough peers or proxies · 6 not running · 130 interrupted\nSecrets never go on the command line: passphrases and words come from the terminal, a file or standard input.",
    )
  for (const spec of specs) {
    const words = spec.name.split(" ")
    const leaf = words.pop() ?? spec.name
    const parent = words.reduce(
      (node, word) => node.commands.find((child) => child.name() === word) ?? configure(node.command(word).summary(`${word} …`)),
      program,
    )
    // A group that is a command too may have been begun by one of its own commands.
    const command = parent.commands.find((child) => child.name() === leaf) ?? configure(parent.command(leaf))
    declare(command, spec, program, found)
  }
  return nameGroups(program, specs)
}

/** A group such as `policy` has no entry of its own in the table: its summary lists its commands. */
function nameGroups(program: Command, specs: readonly CommandSpec[]): Command {
  for (const group of program.commands) {
    const children = specs.filter((spec) => spec.name.startsWith(`${group.name()} `))
    // One that is a command too, such as `unlock`, says itself what it does.
    if (children.length > 0 && !specs.some(({ name }) => name === group.name()))
      group
        .summary(children.map((spec) => spec.name.slice(group.name().length + 1)).join(", "))
        .description(`${group.name()}: ${group.summary()}`)
  }
  return program
}

function declare(command: Command, spec: CommandSpec, program: Command, found: (invocation: Invocation) => void): void {
  command.summary(spec.summary).description(spec.details === undefined ? `${spec.summary}` : `${spec.summary}\n\n${spec.details}`)
  for (const operand of spec.operands ?? []) command.argument(operand.name, operand.description)
  for (const option of spec.options ?? []) {
    if (option.required === true) command.requiredOption(option.flags, option.description)
    else if (option.repeatable === true)
      command.option(option.flags, option.description, (value: string, given: readonly string[] | undefined) => [...(given ?? []), value])
    else command.option(option.flags, option.description)
  }
  command.addHelpText("after", `\nExamples:\n${spec.examples.map((line) => `  $ ${line}`).join("\n")}`)
  command.action(() => {
    const global = program.opts<{ home?: string; json?: boolean }>()
    found({
      spec,
      input: { operands: command.args, options: command.opts<CommandInput["options"]>() },
      home: global.home,
      json: global.json === true,
    })
  })
}
