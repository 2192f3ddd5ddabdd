import type { CommandSpec } from "../../packages/apps/cli/src/command.ts"
import { judgeLinks, type LinkTargets } from "./links.ts"

/** What the repository offers, for documents to name. */
export interface Known extends LinkTargets {
  readonly npmScripts: ReadonlySet<string>
  readonly commands: readonly CommandSpec[]
}

const NPM_RUN = /\bnpm run ([a-z:-]+)/g
/** A call in a code span or block: the word keygrove, then the rest of the line or span. */
const CALL = /(?:^|[`$ /])keygrove ((?:[a-z]|--?)[^`\n|#]*)/gm
const OPTION = /(?<=\s)--?[a-z][a-z-]*/g

/** What one Markdown document names that does not exist: linked files and tests, npm scripts, commands and their options. */
export function judgeDocument(file: string, text: string, known: Known): readonly string[] {
  return [...judgeLinks(file, text, known), ...judgeScripts(file, text, known), ...judgeCalls(file, text, known)]
}

function judgeScripts(file: string, text: string, { npmScripts }: Known): readonly string[] {
  const named = [...text.matchAll(NPM_RUN)].map(([, name]) => name ?? "")
  return named.filter((name) => !npmScripts.has(name)).map((name) => `${file}: there is no npm script ${name}`)
}

function judgeCalls(file: string, text: string, { commands }: Known): readonly string[] {
  return codeOf(text).flatMap((code) =>
    [...code.matchAll(CALL)].flatMap(([, call = ""]) => {
      if (call.startsWith("-")) return []
      const command = commands.find(({ name }) => call === name || call.startsWith(`${name} `))
      const isGroup = commands.some(({ name }) => name.startsWith(`${call.trim()} `))
      if (command === undefined) return isGroup ? [] : [`${file}: there is no command keygrove ${call.trim()}`]
      const flags = [
        "--home",
        "--json",
        "--help",
        "-h",
        ...(command.options ?? []).flatMap((option) => option.flags.match(/--?[a-z][a-z-]*/g) ?? []),
      ]
      return [...call.matchAll(OPTION)]
        .filter(([option]) => !flags.includes(option))
        .map(([option]) => `${file}: keygrove ${command.name} has no option ${option}`)
    }),
  )
}

/** Shell blocks and code spans; prose and drawings may use the word keygrove before any other. */
function codeOf(text: string): readonly string[] {
  const shell = text.match(/^```(?:sh|console)$[^]*?^```$/gm) ?? []
  const spans = text.replaceAll(/^```[^]*?^```$/gm, "").match(/`[^`\n]+`/g) ?? []
  return [...shell, ...spans]
}

/** Things that say where the repository was made instead of what it is, or that must not be published. Built from parts, so as not to find itself. */
const PRIVATE: readonly { readonly matches: RegExp; readonly what: string }[] = [
  { matches: new RegExp(`(?<![\\w.~-])/(?:${["home", "Users"].join("|")})/[a-z]\\w+/`), what: "a path of one person's machine" },
  { matches: new RegExp(`-{5}BEGIN (?:[A-Z]+ )?${["PRIVATE", "KEY"].join(" ")}`), what: "a private key" },
  { matches: new RegExp(`"${"resolved"}": "https?:`), what: "the host of a package registry" },
]

/** What must not be in any file of the repository. */
export function judgePrivacy(file: string, text: string): readonly string[] {
  return PRIVATE.filter(({ matches }) => matches.test(text)).map(({ what }) => `${file}: holds ${what}`)
}
