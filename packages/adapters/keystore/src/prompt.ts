import { writeSync } from "node:fs"
import { ReadStream } from "node:tty"
import { ok, refuse, Secret, type Result } from "@keygrove/base"

const MAX_TYPED_BYTES = 1_024
const CONTROL = {
  interrupt: 0x03,
  endOfInput: 0x04,
  backspace: 0x08,
  lineFeed: 0x0a,
  carriageReturn: 0x0d,
  killLine: 0x15,
  delete: 0x7f,
} as const

/** Asks for a secret on a terminal without echo; what is typed goes straight into locked memory. ^C and ^D end the prompt. */
export async function promptSecret(
  terminal: number,
  prompt: string,
): Promise<Result<Secret, "PROMPT_INTERRUPTED" | "PASSPHRASE_TOO_LONG" | "PASSPHRASE_MISSING">> {
  using typed = Secret.fill(MAX_TYPED_BYTES, () => undefined)
  writeSync(terminal, prompt)
  const ended = await collectLine(terminal, typed)
  writeSync(terminal, "\r\n")
  if (ended === "interrupted") return refuse("PROMPT_INTERRUPTED", "the prompt was ended; nothing was changed")
  if (ended === "too long") return refuse("PASSPHRASE_TOO_LONG", `more than ${MAX_TYPED_BYTES} bytes were typed`)
  if (ended === 0) return refuse("PASSPHRASE_MISSING", "nothing was typed; run it again")
  return typed.expose((bytes) => ok(Secret.fill(ended, (target) => target.set(bytes.subarray(0, ended)))))
}

/** Number of bytes typed into `typed`, or why there is no line. */
async function collectLine(terminal: number, typed: Secret): Promise<number | "interrupted" | "too long"> {
  const input = new ReadStream(terminal)
  input.setRawMode(true)
  let length = 0
  try {
    for await (const chunk of input) {
      if (!(chunk instanceof Uint8Array)) continue
      const ended = typed.expose((bytes) => {
        for (const byte of chunk) {
          if (byte === CONTROL.lineFeed || byte === CONTROL.carriageReturn) return length
          if (byte === CONTROL.interrupt || byte === CONTROL.endOfInput) return "interrupted"
          if (byte === CONTROL.backspace || byte === CONTROL.delete) length = withoutLastCharacter(bytes, length)
          else if (byte === CONTROL.killLine) length = 0
          else if (length === bytes.length) return "too long"
          else bytes[length++] = byte
        }
        return undefined
      })
      chunk.fill(0)
      if (ended !== undefined) return ended
    }
    return "interrupted"
  } finally {
    input.setRawMode(false)
    input.destroy()
  }
}

/** Length after removing the last UTF-8 character, which may have several bytes. */
function withoutLastCharacter(bytes: Uint8Array, length: number): number {
  let end = length
  while (end > 0 && ((bytes[end - 1] ?? 0) & 0xc0) === 0x80) end--
  return Math.max(0, end - 1)
}
