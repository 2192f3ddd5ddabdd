import { readdir, stat } from "node:fs/promises"
import { join } from "node:path"
import { KeygroveError } from "@keygrove/base"
import { exitStatuses } from "@keygrove/base/exit-statuses"
import { Keygrove, type Rotation } from "keygrove"
import type { CommandContext, CommandInput, CommandOutcome } from "../command.ts"
import { CommandError } from "../errors.ts"
import { sizeOf, startProgress } from "../progress.ts"

/** What became of one file: a rotation, or why there was none. */
type Outcome = { readonly file: string } & (
  | Pick<Rotation, "state" | "label" | "from" | "to">
  | { readonly state: "failed"; readonly code: string; readonly message: string }
)

/** Codes after which no other file would fare better. */
const ENDS_ALL: ReadonlySet<string> = new Set(["NODE_NOT_RUNNING", "KEYSTORE_LOCKED", "KEYSTORE_GONE", "DISK_FULL", "RPC_ANSWER_INVALID"])

/** `rotate PATH… [--reencrypt]`: one file after the other; one that fails keeps none of the others back. */
export async function run(input: CommandInput, context: CommandContext): Promise<CommandOutcome> {
  const reencrypt = input.options["reencrypt"] === true
  await using grove = await Keygrove.connect({ home: context.home.directory, signal: context.signal })
  const files: Outcome[] = []
  for (const path of input.operands) {
    for await (const file of filesOf(path)) files.push(await rotate(grove, file, { reencrypt, context }))
  }
  const failed = files.filter(({ state }) => state === "failed")
  return {
    json: { files },
    text: files.length === 0 ? "no .kg files there" : files.map(lineOf).join("\n"),
    ...(failed.length === 0 ? {} : { exitStatus: exitStatuses.failed }),
  }
}

async function rotate(
  grove: Keygrove,
  file: string,
  { context, reencrypt }: { readonly reencrypt: boolean; readonly context: CommandContext },
): Promise<Outcome> {
  const { signal, stderr } = context
  using progress = startProgress(stderr, `rotating ${file}`, sizeOf(file))
  try {
    const onProgress = ({ bytes }: { readonly bytes: number }): void => progress.update(bytes)
    const { from, label, state, to } = await grove.rotateFile(file, { reencrypt, signal, onProgress })
    return { file, state, label, from, to }
  } catch (error) {
    if (!(error instanceof KeygroveError) || ENDS_ALL.has(error.code)) throw error
    return { file, state: "failed", code: error.code, message: error.message }
  }
}

/** A file itself, whatever its name, or the .kg files below a directory, in the order of their names; links are not followed there. */
async function* filesOf(path: string): AsyncGenerator<string, void, undefined> {
  const facts = await stat(path).catch(() => undefined)
  if (facts === undefined) throw new CommandError("FILE_UNREADABLE", `${path} cannot be read; check the name`)
  if (!facts.isDirectory()) return yield path
  const entries = await readdir(path, { withFileTypes: true })
  for (const entry of entries.toSorted((a, b) => (a.name < b.name ? -1 : 1))) {
    const inside = join(path, entry.name)
    if (entry.isDirectory()) yield* filesOf(inside)
    else if (entry.isFile() && entry.name.endsWith(".kg")) yield inside
  }
}

function lineOf(outcome: Outcome): string {
  switch (outcome.state) {
    case "rotated":
      return `${outcome.file}: "${outcome.label}", epoch ${outcome.from} to ${outcome.to}`
    case "current":
      return `${outcome.file}: is under the current key`
    case "foreign":
      return `${outcome.file}: belongs to another node, and stays as it is`
    default:
      return `${outcome.file}: ${outcome.code}: ${outcome.message}`
  }
}
