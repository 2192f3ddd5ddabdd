import { encodeIdentity } from "@keygrove/hierarchy"
import { moveHome } from "@keygrove/node"
import { readConfig } from "@keygrove/node/config"
import type { CommandContext, CommandInput, CommandOutcome } from "../command.ts"
import { commandError, CommandError } from "../errors.ts"
import { optional } from "../options.ts"
import { openSource } from "../passphrase-source.ts"
import { fields } from "../text.ts"
import { invitationText } from "../tree/invitation-text.ts"

/** `node move [INVITATION]`: the ceremony runs in the keystore process, which alone sees the code, the passphrase and the secrets. */
export async function run(input: CommandInput, context: CommandContext): Promise<CommandOutcome> {
  const { home, signal } = context
  const [operand] = input.operands
  const codeFile = optional(input, "codeFile")
  if (codeFile === "-" && optional(input, "passphraseFile") === "-")
    throw commandError("USAGE_INVALID", "only one of the code and the passphrase can come from standard input; put the other in a file")
  const invitation = operand === undefined ? {} : { invitation: invitationText(operand, input).trim() }
  const config = readConfig(home.config)
  if (!config.ok) throw new CommandError(config.code, config.message)
  const { keyFile } = config.value
  using passphrase = keyFile === undefined ? openSource(optional(input, "passphraseFile"), "passphrase", "--passphrase-file") : undefined
  using code = codeFile === undefined ? undefined : openSource(codeFile, "code", "--code-file")
  const moved = await moveHome(
    {
      home: home.directory,
      ...invitation,
      passphraseSource: passphrase?.descriptor,
      wordsSource: code?.descriptor,
      ...(keyFile === undefined ? {} : { keyFile }),
    },
    { signal },
  )
  if (!moved.ok) throw new CommandError(moved.code, moved.message, moved.data === undefined ? {} : { data: moved.data })
  const { from, identity, resealed } = moved.value
  const { cluster, keys, path } = identity
  const id = encodeIdentity({ encryptionKey: keys.encryptionKey, signingKey: keys.signingKey, cluster })
  const rows: readonly (readonly [string, string])[] = [
    ["node", `${path} of cluster ${cluster}`],
    ["before", `of cluster ${from}`],
    ["id", id],
    ...(resealed === undefined || resealed.keys === 0 ? [] : [["keys", keysText(resealed)] as const]),
    ["next", "keygrove up"],
  ]
  return { json: { path, cluster, from, id, keys: resealed ?? null }, text: fields(rows) }
}

function keysText({ derived, keys }: { readonly keys: number; readonly derived: number }): string {
  const sealed = `${keys} named ${keys === 1 ? "key was" : "keys were"} sealed again`
  if (derived === 0) return sealed
  return `${sealed}; the old words still give ${derived} of them, which were derived: \`keygrove key rotate\` ends that`
}
