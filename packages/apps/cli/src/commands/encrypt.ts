import { Keygrove } from "keygrove"
import type { CommandContext, CommandInput, CommandOutcome } from "../command.ts"
import { optional, required } from "../options.ts"
import { sizeOf, startProgress } from "../progress.ts"
import { byteCount } from "../text.ts"

/** `encrypt FILE --label L [-o OUT] [--cipher C]`. */
export async function run(input: CommandInput, context: CommandContext): Promise<CommandOutcome> {
  const file = required(input.operands[0], "FILE")
  const label = required(input.options["label"], "--label")
  const out = optional(input, "out") ?? (file === "-" ? "-" : `${file}.kg`)
  const cipher = optional(input, "cipher")
  const { signal } = context
  await using grove = await Keygrove.connect({ home: context.home.directory, signal })
  using progress = startProgress(context.stderr, "encrypting", sizeOf(file))
  const done = { bytes: 0 }
  const onProgress = ({ bytes }: { readonly bytes: number }): void => {
    done.bytes = bytes
    progress.update(bytes)
  }
  await grove.encryptFile(
    { input: file === "-" ? context.stdin : file, output: out === "-" ? context.stdout : out },
    { label, signal, onProgress, ...(cipher === undefined ? {} : { cipher }) },
  )
  const json = { file: out, label, bytes: done.bytes }
  if (out === "-") return { json, text: "", toStderr: true }
  return { json, text: `${out}: ${byteCount(done.bytes)} encrypted under "${label}"` }
}
