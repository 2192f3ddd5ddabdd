import { openInputFile } from "@keygrove/system"
import type { CommandContext } from "../command.ts"
import { commandError } from "../errors.ts"

/** Most bytes of one message, plaintext or signature; the node takes no more at once. */
export const MAX_INPUT_BYTES = 262_144

/** What an input is for, as its refusal says it. */
export interface InputUse {
  /** Bytes at most, {@link MAX_INPUT_BYTES} unless said. */
  readonly maxBytes?: number
  /** What to do with a longer one. */
  readonly instead: string
}

/**
 * All bytes of a file, or of standard input for `-`.
 * @throws CommandError `KEY_INPUT_TOO_LARGE`
 * @throws KeygroveError `FILE_UNREADABLE`
 */
export async function readInput(
  file: string,
  context: CommandContext,
  { instead, maxBytes = MAX_INPUT_BYTES }: InputUse,
): Promise<Uint8Array> {
  const bytes = file === "-" ? await readStream(context, maxBytes) : await readFile(file, maxBytes)
  if (bytes.length <= maxBytes) return bytes
  const name = file === "-" ? "standard input" : file
  throw commandError("KEY_INPUT_TOO_LARGE", `${name} has more than ${maxBytes} bytes; ${instead}`)
}

/** One byte more than the limit tells that there is more. */
async function readFile(file: string, maxBytes: number): Promise<Uint8Array> {
  await using input = await openInputFile(file)
  const buffer = new Uint8Array(maxBytes + 1)
  return buffer.subarray(0, await input.read(buffer))
}

async function readStream({ signal, stdin }: CommandContext, maxBytes: number): Promise<Uint8Array> {
  const chunks: Buffer[] = []
  let length = 0
  for await (const chunk of stdin.iterator({ destroyOnReturn: true })) {
    signal.throwIfAborted()
    const bytes = Buffer.from(chunk)
    chunks.push(bytes)
    length += bytes.length
    if (length > maxBytes) break
  }
  return Buffer.concat(chunks)
}
