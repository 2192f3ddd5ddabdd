import { commands } from "./commands.ts"
import { helpText } from "./program.ts"

/** The text of docs/cli.md: every command's help, in the order of the table. */
export function cliDocs(): string {
  const sections = commands.map(
    (spec) => `## keygrove ${spec.name}\n\n\`\`\`text\n${withoutGlobals(helpText(commands, spec.name)).trimEnd()}\n\`\`\`\n`,
  )
  return `# Command line\n\nMade from the command table by \`npm run docs\`; the options in the first section hold for every command.\n\n\`\`\`text\n${helpText(commands).trimEnd()}\n\`\`\`\n\n${sections.join("\n")}`
}

/** The global options are in the first section already. */
function withoutGlobals(text: string): string {
  return text.replace(/\nGlobal Options:\n(?: .*\n)+/, "")
}
