import { hostname } from "node:os"
import { initialiseNode } from "@keygrove/node"
import type { CommandContext, CommandInput, CommandOutcome } from "../command.ts"
import { commandError, CommandError } from "../errors.ts"
import { etcdSetting } from "../etcd-setting.ts"
import { generatedOption, listenOption, optional, rpcPortOption } from "../options.ts"
import { openSource } from "../passphrase-source.ts"
import { clusterDigits } from "../root/expected-cluster.ts"
import { checkStandardInput, namesRoot, openRootSources } from "../root/root-sources.ts"
import { fields } from "../text.ts"

/** `init`: the ceremony runs in the keystore process, which alone sees the words and the passphrase. */
export async function run(input: CommandInput, context: CommandContext): Promise<CommandOutcome> {
  const recover = input.options["recover"] === true
  const [wordsOut, keyFile] = [optional(input, "wordsOut"), optional(input, "keyFile")]
  const generated = generatedOption(input)
  const expected = await checkedCluster(input, recover)
  if (namesRoot(input) && !recover)
    throw commandError("USAGE_INVALID", "--words-file, --shares and --shares-file need --recover: without it, init makes new words")
  if (wordsOut !== undefined && recover)
    throw commandError("USAGE_INVALID", "--words-out makes no sense with --recover: the words exist already; see `keygrove root words`")
  checkStandardInput(input)
  using passphrase =
    keyFile === undefined && !generated ? openSource(optional(input, "passphraseFile"), "passphrase", "--passphrase-file") : undefined
  using sources = openRootSources(input)
  const { shareSources, wordsPassphraseSource, wordsSource } = sources
  const made = await initialiseNode(
    {
      home: context.home.directory,
      name: optional(input, "name") ?? nameOfHost(),
      ledger: optional(input, "ledger") ?? "embedded",
      ...etcdSetting(input),
      listen: listenOption(input),
      rpcPort: rpcPortOption(input),
      recover,
      ...(wordsOut === undefined ? {} : { wordsOut }),
      ...(wordsSource === undefined ? {} : { wordsSource }),
      ...(shareSources === undefined ? {} : { shareSources }),
      ...(wordsPassphraseSource === undefined ? {} : { wordsPassphraseSource }),
      ...(passphrase === undefined ? {} : { passphraseSource: passphrase.descriptor }),
      ...(keyFile === undefined ? {} : { keyFile }),
      generated,
      ...(expected === undefined ? {} : { cluster: expected }),
    },
    { signal: context.signal },
  )
  if (!made.ok) throw new CommandError(made.code, made.message, made.data === undefined ? {} : { data: made.data })
  const { cluster, path, id } = made.value
  const rows: readonly (readonly [string, string])[] = [
    ["node", `${path} of cluster ${cluster}`],
    ["home", context.home.directory],
    ["id", id],
    ["next", "keygrove up"],
  ]
  return { json: { home: context.home.directory, cluster, path, id }, text: fields(rows) }
}

/** `--cluster` of a recovery. */
async function checkedCluster(input: CommandInput, recover: boolean): Promise<string | undefined> {
  const option = optional(input, "cluster")
  if (option !== undefined && !recover) throw commandError("USAGE_INVALID", "--cluster needs --recover: new words are of a new cluster")
  return option === undefined ? undefined : await clusterDigits(option)
}

/** The host's name as a node name: lower case, everything else a hyphen. */
function nameOfHost(): string {
  const name = hostname()
    .split(".")[0]
    ?.toLowerCase()
    .replaceAll(/[^a-z0-9]+/g, "-")
    .replaceAll(/^-+|-+$/g, "")
    .slice(0, 32)
  return name === undefined || name === "" ? "node" : name
}
