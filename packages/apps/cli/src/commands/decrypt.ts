import { Keygrove } from "keygrove"
import type { CommandContext, CommandInput, CommandOutcome } from "../command.ts"
import { commandError } from "../errors.ts"
import { optional, required } from "../options.ts"
import { sizeOf, startProgress } from "../progress.ts"
import { byteCount } from "../text.ts"

const SUFFIX = ".kg"

/** `decrypt FILE [-o OUT]`. What comes out on standard output is complete only if the exit status is 0. */
export async function run(input: CommandInput, context: CommandContext): Promise<CommandOutcome> {
  const file = required(input.operands[0], "FILE")
  const out = optional(input, "out") ?? outputFor(file)
  const { signal } = context
  await using grove = await Keygrove.connect({ home: context.home.directory, signal })
  using progress = startProgress(context.stderr, "decrypting", sizeOf(file))
  const done = { bytes: 0, label: "" }
  await grove.decryptFile(
    { input: file === "-" ? context.stdin : file, output: out === "-" ? context.stdout : out },
    {
      signal,
      onHeader: (header) => {
        done.label = header.label
      },
      onProgress: ({ bytes }) => {
        done.bytes = bytes
        progress.update(bytes)
      },
    },
  )
  const json = { file: out, label: done.label, bytes: done.bytes }
  if (out === "-") return { json, text: "", toStderr: true }
  return { json, text: `${out}: ${byteCount(done.bytes)} decrypted, label "${done.label}"` }
}

function outputFor(file: string): string {
  if (file === "-") return "-"
  if (file.endsWith(SUFFIX) && file.length > SUFFIX.length) return file.slice(0, -SUFFIX.length)
  throw commandError("USAGE_INVALID", `${file} does not end in ${SUFFIX}, so the output needs a name: give -o FILE`)
}
