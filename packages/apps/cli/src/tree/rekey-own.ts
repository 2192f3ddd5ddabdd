import { fromHex, unwrap, type RefusalData } from "@keygrove/base"
import { decodeClusterId, decodeEpoch, decodeGeneration, decodeNodePath, type NodePlace } from "@keygrove/hierarchy"
import { prepareRekey, standingPlace, type PreparedEpoch, type RekeyOptions } from "@keygrove/node"
import { readConfig } from "@keygrove/node/config"
import { AnswerFields, callRpc } from "keygrove/rpc"
import type { CommandContext, CommandInput, CommandOutcome } from "../command.ts"
import { commandError, CommandError } from "../errors.ts"
import { callNode } from "../node-call.ts"
import { optional } from "../options.ts"
import { openSource } from "../passphrase-source.ts"
import { namesRoot } from "../root/root-sources.ts"
import { fields } from "../text.ts"

/** Takes this home's node to its next epoch: at once when it runs, otherwise from its next start on. */
export async function rekeyOwn(input: CommandInput, context: CommandContext): Promise<CommandOutcome> {
  if (namesRoot(input) || input.options["root"] === true)
    throw commandError("USAGE_INVALID", "a node rekeys by itself, not by its root; leave --root, --words-file and --shares… out")
  const { home, signal } = context
  const begun = await callRpc({ socketPath: home.socket, cookiePath: home.cookie }, "node.rekeyBegin", {}, { signal })
  if (begun.ok) return await whileItRuns(input, context, new AnswerFields("node.rekeyBegin", begun.value))
  if (begun.code !== "NODE_NOT_RUNNING") throw refused(begun)
  const place = await standingPlace(home.directory, { signal })
  if (!place.ok) throw refused(place)
  const { epoch } = await prepared(input, context, { place: place.value })
  const { path } = place.value
  const rows = [
    ["node", path],
    ["prepared", `epoch ${epoch}`],
    ["next", "keygrove up; it puts the new keys on the ledger, and they count from then on"],
  ] as const
  return { json: { path, epoch, state: "prepared" }, text: fields(rows) }
}

async function whileItRuns(input: CommandInput, context: CommandContext, asked: AnswerFields): Promise<CommandOutcome> {
  const place: NodePlace = {
    cluster: unwrap(decodeClusterId(asked.text("cluster"))),
    path: unwrap(decodeNodePath(asked.text("path"))),
    generation: unwrap(decodeGeneration(asked.number("generation"))),
    epoch: unwrap(decodeEpoch(asked.number("epoch"))),
  }
  const exchange = { exchangeKey: unwrap(fromHex(asked.text("exchangeKey"))), signature: unwrap(fromHex(asked.text("signature"))) }
  const { entry, sealed } = await prepared(input, context, { place, exchange })
  if (sealed === undefined) throw commandError("UNEXPECTED", "the ceremony sealed nothing; report it with the version of keygrove")
  const answer = await callNode(context, "node.rekeyFinish", { entry: base64(entry), sealed: base64(sealed) })
  const finished = new AnswerFields("node.rekeyFinish", answer)
  const [state, epoch, id] = [finished.text("state"), finished.number("epoch"), finished.text("id")]
  const reason = finished.get("reason") === null ? null : finished.object("reason")
  const why = reason === null ? null : { code: reason.text("code"), message: reason.text("message") }
  const json = { path: place.path, epoch, id, state, reason: why }
  const rows: readonly (readonly [string, string])[] =
    state === "done"
      ? [
          ["epoch", String(epoch)],
          ["id", id],
        ]
      : [
          ["prepared", `epoch ${epoch}, which counts as soon as the ledger has it; the node goes on trying`],
          ["why", why === null ? "the ledger does not have it yet" : `${why.code}: ${why.message}`],
        ]
  return { json, text: fields([["node", place.path], ...rows]) }
}

/** Holds the ceremony with this home's passphrase or key file. */
async function prepared(
  input: CommandInput,
  context: CommandContext,
  order: Pick<RekeyOptions, "exchange" | "place">,
): Promise<PreparedEpoch> {
  const { home, signal } = context
  const config = readConfig(home.config)
  if (!config.ok) throw refused(config)
  const { keyFile } = config.value
  using passphrase = keyFile === undefined ? openSource(optional(input, "passphraseFile"), "passphrase", "--passphrase-file") : undefined
  const outcome = await prepareRekey(
    { ...order, home: home.directory, passphraseSource: passphrase?.descriptor, ...(keyFile === undefined ? {} : { keyFile }) },
    { signal },
  )
  if (!outcome.ok) throw refused(outcome)
  return outcome.value
}

function base64(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("base64")
}

function refused({ code, data, message }: { readonly code: string; readonly message: string; readonly data?: RefusalData }): CommandError {
  return new CommandError(code, message, data === undefined ? {} : { data })
}
