import type { CommandContext, CommandInput, CommandOutcome } from "../command.ts"
import { commandError } from "../errors.ts"
import { readInput } from "../keys/bounded-input.ts"
import { fromDer } from "../keys/ecdsa-der.ts"
import { nodeKeys } from "../keys/node-keys.ts"
import { algorithmOption, required } from "../options.ts"

/** Longest signature of any type, 96 bytes, in base64 with a line break, and then some. */
const MAX_SIGNATURE_BYTES = 1_024

/** `key verify ID FILE --signature S`: S is base64, or `@FILE` with the signature in base64, raw or DER. */
export async function run(input: CommandInput, context: CommandContext): Promise<CommandOutcome> {
  const id = required(input.operands[0], "ID")
  const file = required(input.operands[1], "FILE")
  const given = required(input.options["signature"], "--signature")
  const bytes = await signatureOf(given, context)
  const signature = fromDer(bytes) ?? bytes
  const message = await readInput(file, context, { instead: "what was signed cannot be as long; verify its hash if that was signed" })
  const version = await nodeKeys(context).verify(id, message, signature, { signal: context.signal, ...algorithmOption(input) })
  if (version !== undefined) return { json: { id, valid: true, keyVersion: version }, text: `valid: made by version ${version} of ${id}` }
  throw commandError(
    "KEY_SIGNATURE_INVALID",
    `no enabled version of ${id} made this signature of ${file === "-" ? "standard input" : file}; check that file, signature and key belong together`,
  )
}

async function signatureOf(given: string, context: CommandContext): Promise<Uint8Array> {
  if (!given.startsWith("@")) {
    const bytes = base64(given)
    if (bytes !== undefined) return bytes
    throw commandError("USAGE_INVALID", "--signature must be base64, or @FILE with the signature in it")
  }
  const read = await readInput(given.slice(1), context, { maxBytes: MAX_SIGNATURE_BYTES, instead: "that is no signature" })
  return base64(Buffer.from(read).toString("latin1").trim()) ?? read
}

/** The bytes of text that is base64 in its one form. */
function base64(text: string): Uint8Array | undefined {
  const bytes = Buffer.from(text, "base64")
  return text !== "" && bytes.toString("base64") === text ? bytes : undefined
}
