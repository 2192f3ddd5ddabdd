import type { CommandContext, CommandInput, CommandOutcome } from "../command.ts"
import { commandError } from "../errors.ts"
import { readInput } from "../keys/bounded-input.ts"
import { deliver } from "../keys/deliver.ts"
import { nodeKeys } from "../keys/node-keys.ts"
import { parsePeerKey } from "../keys/peer-key.ts"
import { optional, required } from "../options.ts"
import { byteCount } from "../text.ts"

/** Longest public key in any form, and then some. */
const MAX_PEER_BYTES = 4_096

/** `key agree ID PEER [-o OUT]`: the secret that both sides have afterwards, to a file or a pipe. */
export async function run(input: CommandInput, context: CommandContext): Promise<CommandOutcome> {
  const id = required(input.operands[0], "ID")
  const file = required(input.operands[1], "PEER")
  const out = optional(input, "out") ?? "-"
  if (out === "-" && context.stdout.isTTY)
    throw commandError("USAGE_INVALID", "a shared secret is nothing for a terminal; give -o FILE, or pipe it")
  const bytes = await readInput(file, context, { maxBytes: MAX_PEER_BYTES, instead: "that is no public key" })
  const keys = nodeKeys(context)
  // Which curve the peer's key has to be on: a point may be one on another curve too.
  const { type } = await keys.public(id, { signal: context.signal })
  const peer = parsePeerKey(bytes, { id, type, name: file === "-" ? "standard input" : file })
  const shared = await keys.agree(id, peer, { signal: context.signal })
  try {
    await deliver(out, shared, context)
  } finally {
    shared.fill(0)
  }
  const json = { id, file: out, bytes: shared.length }
  if (out === "-") return { json, text: "", toStderr: true }
  return { json, text: `${out}: ${byteCount(shared.length)} that only the two sides have; derive keys from it, e.g. with HKDF` }
}
