import { resolve } from "node:path"
import { readConfig } from "@keygrove/node/config"
import { offerPassphrase } from "@keygrove/node/hand-over"
import { checkHome, homeOf } from "@keygrove/node/home"
import { AnswerFields } from "keygrove/rpc"
import type { CommandContext, CommandInput, CommandOutcome } from "../command.ts"
import { commandError, CommandError } from "../errors.ts"
import { callNode } from "../node-call.ts"
import { optional } from "../options.ts"
import { openSource } from "../passphrase-source.ts"

/** `unlock`: opens the keystore of a node that runs. The passphrase goes from the program that asks for it to the keystore, past this one. */
export async function run(input: CommandInput, context: CommandContext): Promise<CommandOutcome> {
  // Nobody is asked for the passphrase of a node that does not run, or needs none.
  const state = new AnswerFields("node.status", await callNode(context, "node.status")).text("state")
  if (state === "serving") throw new CommandError("NODE_NOT_LOCKED", "the node is not locked; nothing was changed")
  if (input.options["pieces"] === true) return await byOthers("--pieces", input, context)
  if (input.options["grant"] === true) return await byOthers("--grant", input, context)
  const [passphraseFile, keyFile] = [optional(input, "passphraseFile"), optional(input, "keyFile")]
  if (passphraseFile !== undefined && keyFile !== undefined)
    throw commandError("USAGE_INVALID", "give either --passphrase-file or --key-file, not both")
  const config = readConfig(context.home.config)
  if (!config.ok) throw new CommandError(config.code, config.message)
  const usesKeyFile = keyFile !== undefined || (passphraseFile === undefined && config.value.keyFile !== undefined)
  const answer = usesKeyFile
    ? await callNode(context, "node.unlock", keyFile === undefined ? {} : { keyFile: resolve(keyFile) })
    : await withPassphrase(passphraseFile, context)
  const path = new AnswerFields("node.unlock", answer).text("path")
  return { json: { state: "serving", path }, text: `unlocked; serving ${path}` }
}

/** Others may take their time: it is not waited for. */
async function byOthers(option: "--pieces" | "--grant", input: CommandInput, context: CommandContext): Promise<CommandOutcome> {
  const isBoth = input.options["pieces"] === true && input.options["grant"] === true
  if (isBoth || optional(input, "passphraseFile") !== undefined || optional(input, "keyFile") !== undefined)
    throw commandError("USAGE_INVALID", `${option} is given alone: who unlocks the node is asked for nothing else`)
  await callNode(context, "node.unlock", option === "--pieces" ? { byPieces: true } : { byGrant: true })
  const asked = option === "--pieces" ? "the other nodes are asked" : "the label's proxies are asked"
  return { json: { state: "unlocking" }, text: `${asked}; \`keygrove status\` says how far they are` }
}

async function withPassphrase(passphraseFile: string | undefined, context: CommandContext): Promise<unknown> {
  const home = checkHome(homeOf(context.home.directory))
  if (!home.ok) throw new CommandError(home.code, home.message)
  using source = openSource(passphraseFile, "passphrase", "--passphrase-file")
  const offered = await offerPassphrase(home.value.directory, source.descriptor, { signal: context.signal })
  if (!offered.ok) throw new CommandError(offered.code, offered.message)
  await using passphrase = offered.value
  return await callNode(context, "node.unlock", { passphraseSocket: passphrase.socket })
}
