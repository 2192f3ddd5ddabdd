import { existsSync } from "node:fs"
import { isBelow } from "@keygrove/hierarchy"
import { recoverNode, type CeremonySources, type RecoveredNode, type RecoverOptions } from "@keygrove/node"
import type { CommandContext, CommandInput, CommandOutcome } from "../command.ts"
import { commandError, CommandError } from "../errors.ts"
import { etcdSetting } from "../etcd-setting.ts"
import { listenOption, optional, required, wholeNumber } from "../options.ts"
import { openSource } from "../passphrase-source.ts"
import { clusterDigits } from "../root/expected-cluster.ts"
import { checkStandardInput, namesRoot, openRootSources } from "../root/root-sources.ts"
import { fields } from "../text.ts"
import { pathOperand } from "../tree/node-tree.ts"
import { ledgerOfHome, recoveryHome, type RecoveryHome } from "../tree/recovery-home.ts"

const MAX_GENERATION = 0xffff_ffff

/** `node recover NAME`: works without a running node, and without a home when the words and a ledger are given. */
export async function run(input: CommandInput, context: CommandContext): Promise<CommandOutcome> {
  const home = recoveryHome(context)
  const path = pathOperand(required(input.operands[0], "NAME"), home?.path)
  const to = required(input.options["to"], "--to")
  const options = await chosen(input, context, home)
  const isOurs = home !== undefined && home.cluster.startsWith(options.cluster ?? "") && isBelow(path, home.path)
  const byRoot = !isOurs || namesRoot(input) || input.options["root"] === true
  checkSources(input)
  const keyFile = optional(input, "keyFileNew")
  using fresh =
    keyFile === undefined ? openSource(optional(input, "passphraseFileNew"), "new passphrase", "--passphrase-file-new") : undefined
  using opened = byRoot ? openRootSources(input) : openHome(input, home)
  const recovered = await recoverNode(
    {
      ...options,
      ...opened,
      to,
      path,
      source: byRoot ? { kind: "root" } : { kind: "node", home: context.home.directory, ...ofNode(home) },
      passphraseSource: fresh?.descriptor,
      ...(keyFile === undefined ? {} : { keyFile }),
    },
    { signal: context.signal },
  )
  if (!recovered.ok) throw new CommandError(recovered.code, recovered.message, recovered.data === undefined ? {} : { data: recovered.data })
  return told(recovered.value, { to, bringsKeys: options.keystore !== undefined })
}

type Chosen = Omit<RecoverOptions, "to" | "path" | "source" | "keyFile" | keyof CeremonySources>

/** What the options say, and what they leave to the home. */
async function chosen(input: CommandInput, context: CommandContext, home: RecoveryHome | undefined): Promise<Chosen> {
  const [ledgerFile = home?.ledgerFile, generation] = [optional(input, "ledgerFile"), optional(input, "generation")]
  if (ledgerFile === undefined)
    throw commandError("USAGE_INVALID", `${context.home.directory} has no node; give its --home, or a ledger.db with --ledger-file`)
  const [keystore, audit] = [optional(input, "keystore"), optional(input, "audit")]
  if (audit !== undefined && keystore === undefined)
    throw commandError("USAGE_INVALID", "--audit needs --keystore: the audit trail is that of the named keys")
  const digits = optional(input, "cluster")
  const cluster = digits === undefined ? home?.cluster : await clusterDigits(digits)
  const explicit = optional(input, "ledger")
  // A file that was given may be of another log than the home's.
  const isOfHome = home !== undefined && ledgerFile === home.ledgerFile
  const ledger = explicit ?? (isOfHome ? await ledgerOfHome(context, home) : undefined)
  return {
    ledgerFile,
    listen: listenOption(input),
    rpcPort: wholeNumber(optional(input, "rpcPort") ?? "0", "--rpc-port", { least: 0, most: 65_535 }),
    followsAnyway: explicit !== undefined,
    ...(ledger === undefined ? {} : { ledger, ...reachedAs(input, home, ledger) }),
    ...(cluster === undefined ? {} : { cluster }),
    ...(generation === undefined ? {} : { generation: wholeNumber(generation, "--generation", { least: 1, most: MAX_GENERATION }) }),
    ...(keystore === undefined ? {} : { keystore: existing(keystore) }),
    ...(audit === undefined ? {} : { audit: existing(audit) }),
  }
}

/** How a ledger in etcd is reached: as the options say, else as this home reaches the same one. */
function reachedAs(input: CommandInput, home: RecoveryHome | undefined, ledger: string): Pick<RecoverOptions, "etcd"> {
  const given = etcdSetting(input)
  if (given.etcd !== undefined || home?.etcd === undefined || home.ledger !== ledger) return given
  return { etcd: home.etcd }
}

function existing(path: string): string {
  if (existsSync(path)) return path
  throw new CommandError("FILE_UNREADABLE", `${path} is not there; check the path`, { class: "failed" })
}

function ofNode({ keyFile, path }: RecoveryHome): Pick<RecoveryHome, "path" | "keyFile"> {
  return keyFile === undefined ? { path } : { path, keyFile }
}

/** What opens this home's keystore, where words would be. */
function openHome(input: CommandInput, { keyFile }: RecoveryHome): Disposable & Pick<CeremonySources, "wordsSource"> {
  if (keyFile !== undefined) return { wordsSource: undefined, [Symbol.dispose]: () => undefined }
  const source = openSource(optional(input, "passphraseFile"), "passphrase", "--passphrase-file")
  return { wordsSource: source.descriptor, [Symbol.dispose]: () => source[Symbol.dispose]() }
}

const STANDING: Readonly<Record<RecoveredNode["standing"], string>> = {
  member: "a member of its cluster",
  replaced: "replaced by a newer generation: it opens what it had, and is no member any more",
  revoked: "revoked: it opens what it had, and is no member any more",
}

function told(node: RecoveredNode, { bringsKeys, to }: { readonly to: string; readonly bringsKeys: boolean }): CommandOutcome {
  const { cluster, entries, epoch, generation, id, keys, ledger, path, standing } = node
  const has =
    ledger === "copy"
      ? `a copy of ${entries} entries, follows nobody`
      : ledger === "embedded"
        ? "host"
        : ledger.startsWith("etcd://")
          ? ledger
          : `follower of ${ledger}`
  const rows: readonly (readonly [string, string])[] = [
    ["node", `${path} of cluster ${cluster}`],
    ["keys of", `generation ${generation}, epoch ${epoch}`],
    ["home", to],
    ["id", id],
    ["state", STANDING[standing]],
    ["ledger", has],
    ["named keys", bringsKeys ? String(keys) : "none; --keystore FILE brings them over"],
    ["next", `keygrove up --home ${to}`],
  ]
  return { json: { home: to, cluster, path, generation, epoch, id, standing, ledger, entries, keys }, text: fields(rows) }
}

/** Standard input can be given to one option only. */
function checkSources(input: CommandInput): void {
  checkStandardInput(input)
  const names = ["passphraseFile", "passphraseFileNew", "wordsFile", "wordsPassphraseFile"]
  if (names.filter((name) => optional(input, name) === "-").length > 1)
    throw commandError("USAGE_INVALID", "only one of the words and passphrases can come from standard input; put the others in files")
}
