import { spawn } from "node:child_process"
import { readFileSync } from "node:fs"
import { dirname, join } from "node:path"
import { fileURLToPath } from "node:url"
import { bundle } from "./bundle.ts"

const root = dirname(dirname(dirname(fileURLToPath(import.meta.url))))
/** Longest a single command of a transcript may take. */
const COMMAND_TIMEOUT_MS = 120_000

/** One command of a transcript and what it must print. */
interface Exchange {
  readonly command: string
  /** Standard output and error together, as a terminal shows them. */
  readonly output: string
  readonly exitStatus: number
  readonly line: number
}

interface Played {
  readonly exchange: Exchange
  readonly output: string
  readonly exitStatus: number
  /** Whether output and exit status were as written. */
  readonly matches: boolean
}

export interface Stage {
  /** Directory in which the commands run. */
  readonly directory: string
  /** Variables that the commands may use, e.g. `$ALICE`. */
  readonly variables: Readonly<Record<string, string>>
}

/**
 * Reads the `console` blocks of a Markdown file: `$ command`, then the expected output, then `[exit N]` when N is not 0.
 * In expected output `<name>` stands for one word, the same one wherever the name comes again, also in later commands; `…` for the rest of a word or line.
 */
function readTranscript(file: string): readonly Exchange[] {
  const exchanges: Exchange[] = []
  const state: { inside: boolean; open: { command: string; lines: string[]; line: number } | undefined } = {
    inside: false,
    open: undefined,
  }
  const close = (): void => {
    if (state.open === undefined) return
    const { command, lines, line } = state.open
    const exit = /^\[exit (\d+)\]$/.exec(lines.at(-1) ?? "")
    exchanges.push({ command, output: (exit === null ? lines : lines.slice(0, -1)).join("\n"), exitStatus: Number(exit?.[1] ?? 0), line })
    state.open = undefined
  }
  readFileSync(file, "utf8")
    .split("\n")
    .forEach((text, index) => {
      if (text.startsWith("```")) {
        close()
        state.inside = text === "```console"
      } else if (state.inside && text.startsWith("$ ")) {
        close()
        state.open = { command: text.slice(2), lines: [], line: index + 1 }
      } else if (state.inside) state.open?.lines.push(text)
    })
  return exchanges
}

/** Runs the commands one after the other, each with a shell, until one does not do what is written. */
async function playTranscript(exchanges: readonly Exchange[], stage: Stage): Promise<readonly Played[]> {
  const names = new Map<string, string>()
  const played: Played[] = []
  for (const exchange of exchanges) {
    const { output, exitStatus } = await runShell(filled(exchange.command, names), stage)
    const matches = exitStatus === exchange.exitStatus && matchOutput(exchange.output, output, names)
    played.push({ exchange, output, exitStatus, matches })
    if (!matches) break
  }
  return played
}

async function runShell(command: string, stage: Stage): Promise<{ readonly output: string; readonly exitStatus: number }> {
  const child = spawn("sh", ["-c", `exec 2>&1\n${command}`], {
    cwd: stage.directory,
    env: { ...process.env, ...stage.variables, PATH: `${bundle}:${process.env["PATH"] ?? ""}`, NO_COLOR: "1" },
    stdio: ["ignore", "pipe", "ignore"],
    timeout: COMMAND_TIMEOUT_MS,
    // A session of its own has no controlling terminal, so nothing can wait for a person.
    detached: true,
  })
  const chunks: Buffer[] = []
  child.stdout.on("data", (chunk: Buffer) => chunks.push(chunk))
  const exitStatus = await new Promise<number>((resolve, reject) => child.on("error", reject).on("close", (code) => resolve(code ?? -1)))
  return { output: Buffer.concat(chunks).toString("utf8").trimEnd(), exitStatus }
}

function filled(text: string, names: ReadonlyMap<string, string>): string {
  return text.replaceAll(/<([a-z][a-z0-9-]*)>/g, (whole, name: string) => names.get(name) ?? whole)
}

function matchOutput(expected: string, actual: string, names: Map<string, string>): boolean {
  const groups: string[] = []
  const pattern = expected
    .trimEnd()
    .split(/(<[a-z][a-z0-9-]*>|…)/)
    .map((part) => {
      if (part === "…") return "[^\\n]*"
      const name = /^<([a-z][a-z0-9-]*)>$/.exec(part)?.[1]
      if (name === undefined) return escaped(part)
      const known = names.get(name)
      if (known !== undefined) return escaped(known)
      const earlier = groups.indexOf(name)
      if (earlier >= 0) return `\\${earlier + 1}`
      groups.push(name)
      return '([^\\s"]+?)'
    })
  const match = new RegExp(`^${pattern.join("")}$`, "u").exec(actual)
  if (match === null) return false
  groups.forEach((name, index) => names.set(name, match[index + 1] ?? ""))
  return true
}

function escaped(text: string): string {
  return text.replaceAll(/[\\^$.*+?()[\]{}|/]/g, "\\$&")
}

/** Plays a transcript by its name; what the first command did that did not do what is written, else nothing. */
export async function firstDifference(name: string, stage: Stage): Promise<Difference | undefined> {
  const exchanges = readTranscript(join(root, "tests", "e2e", "transcripts", `${name}.md`))
  if (exchanges.length === 0) throw new TypeError(`the transcript ${name} has no commands`)
  const played = (await playTranscript(exchanges, stage)).find((candidate) => !candidate.matches)
  if (played === undefined) return undefined
  const { command, line, output, exitStatus } = played.exchange
  return { command, line, expected: { output, exitStatus }, actual: { output: played.output, exitStatus: played.exitStatus } }
}

interface Outcome {
  readonly output: string
  readonly exitStatus: number
}

export interface Difference {
  readonly command: string
  readonly line: number
  readonly expected: Outcome
  readonly actual: Outcome
}
