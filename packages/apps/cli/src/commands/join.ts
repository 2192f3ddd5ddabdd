import { pathNames } from "@keygrove/hierarchy"
import { nativePrimitives } from "@keygrove/curves-native"
import { openInvitation } from "@keygrove/ledger"
import { initialiseNode } from "@keygrove/node"
import type { CommandContext, CommandInput, CommandOutcome } from "../command.ts"
import { CommandError } from "../errors.ts"
import { etcdSetting } from "../etcd-setting.ts"
import { generatedOption, listenOption, optional, required, rpcPortOption } from "../options.ts"
import { openSource } from "../passphrase-source.ts"
import { fields } from "../text.ts"
import { invitationText } from "../tree/invitation-text.ts"

/** `join INVITATION`: the ceremony runs in the keystore process, which alone sees the code, the passphrase and the secret. */
export async function run(input: CommandInput, context: CommandContext): Promise<CommandOutcome> {
  const text = invitationText(required(input.operands[0], "INVITATION"), input)
  const invitation = openInvitation(nativePrimitives, text)
  if (!invitation.ok) throw new CommandError(invitation.code, invitation.message)
  const { child, ledger } = invitation.value
  const [keyFile, codeFile] = [optional(input, "keyFile"), optional(input, "codeFile")]
  const generated = generatedOption(input)
  using passphrase =
    keyFile === undefined && !generated ? openSource(optional(input, "passphraseFile"), "passphrase", "--passphrase-file") : undefined
  using code = codeFile === undefined ? undefined : openSource(codeFile, "code", "--code-file")
  const made = await initialiseNode(
    {
      home: context.home.directory,
      name: pathNames(child.path).at(-1) ?? "",
      ledger,
      ...etcdSetting(input),
      listen: listenOption(input),
      rpcPort: rpcPortOption(input),
      recover: false,
      invitation: text,
      ...(code === undefined ? {} : { wordsSource: code.descriptor }),
      ...(passphrase === undefined ? {} : { passphraseSource: passphrase.descriptor }),
      ...(keyFile === undefined ? {} : { keyFile }),
      generated,
    },
    { signal: context.signal },
  )
  if (!made.ok) throw new CommandError(made.code, made.message, made.data === undefined ? {} : { data: made.data })
  const { cluster, id, path } = made.value
  const rows: readonly (readonly [string, string])[] = [
    ["node", `${path} of cluster ${cluster}`],
    ["home", context.home.directory],
    ["ledger", ledger],
    ["id", id],
    ["next", "keygrove up"],
  ]
  return { json: { home: context.home.directory, cluster, path, id, ledger }, text: fields(rows) }
}
