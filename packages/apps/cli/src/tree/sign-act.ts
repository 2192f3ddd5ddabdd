import { isBelow, parentPath, ROOT_PATH, type NodePath } from "@keygrove/hierarchy"
import { administerNode, type NodeAct, type SignedAct } from "@keygrove/node"
import { readConfig } from "@keygrove/node/config"
import { AnswerFields } from "keygrove/rpc"
import type { CommandContext, CommandInput } from "../command.ts"
import { commandError, CommandError } from "../errors.ts"
import { callNode } from "../node-call.ts"
import { optional } from "../options.ts"
import { openSource } from "../passphrase-source.ts"
import { checkStandardInput, namesRoot, openRootSources } from "../root/root-sources.ts"
import type { Tree } from "./node-tree.ts"

/** Which ancestor has to sign: the parent for a certificate, any for the rest. */
type Signer = "parent" | "ancestor"

/**
 * Has the anchor of this home's node, or of the root, sign an act about a node below it, and puts the statement on the ledger. The root signs when
 * this node is not above the other, and whenever its words are given.
 */
export async function signAct(
  input: CommandInput,
  context: CommandContext,
  { act, path, signer, tree }: { readonly act: NodeAct; readonly path: NodePath; readonly signer: Signer; readonly tree: Tree },
): Promise<SignedAct & { readonly index: number }> {
  const author = authorOf({ path, signer, tree, byRoot: namesRoot(input) || input.options["root"] === true })
  const signed = await (author === ROOT_PATH ? byRoot(context, input, { act, tree }) : byNode(context, input, { act, tree }))
  const { index } = await publish(context, signed.entry)
  return { ...signed, index }
}

interface Choice {
  readonly path: NodePath
  readonly signer: Signer
  readonly tree: Tree
  readonly byRoot: boolean
}

function authorOf({ byRoot, path, signer, tree }: Choice): NodePath {
  const parent = parentPath(path)
  const mayRoot = signer === "ancestor" || parent === ROOT_PATH
  const mayNode = signer === "ancestor" ? isBelow(path, tree.self) : parent === tree.self
  if (mayNode && !byRoot) return tree.self
  if (mayRoot) return ROOT_PATH
  throw commandError(
    "USAGE_INVALID",
    mayNode
      ? `only ${tree.self} can do that to ${path}, not the root; leave --root, --words-file and --shares… out`
      : `do it on ${parent ?? "/"}, the parent of ${path}; this node is ${tree.self}`,
  )
}

interface Order {
  readonly act: NodeAct
  readonly tree: Tree
}

async function byNode(context: CommandContext, input: CommandInput, { act, tree }: Order): Promise<SignedAct> {
  const config = readConfig(context.home.config)
  if (!config.ok) throw new CommandError(config.code, config.message)
  const keyFile = optional(input, "keyFile") ?? config.value.keyFile
  using passphrase = keyFile === undefined ? openSource(optional(input, "passphraseFile"), "passphrase", "--passphrase-file") : undefined
  return await signed(context, input, {
    author: tree.self,
    act,
    cluster: tree.cluster,
    passphraseSource: passphrase?.descriptor,
    wordsSource: undefined,
    ...(keyFile === undefined ? {} : { keyFile }),
  })
}

async function byRoot(context: CommandContext, input: CommandInput, { act, tree }: Order): Promise<SignedAct> {
  checkStandardInput(input)
  using sources = openRootSources(input)
  return await signed(context, input, {
    author: ROOT_PATH,
    act,
    cluster: tree.cluster,
    ...sources,
    passphraseSource: undefined,
  })
}

async function signed(
  context: CommandContext,
  input: CommandInput,
  order: Omit<Parameters<typeof administerNode>[0], "home" | "codeOut">,
): Promise<SignedAct> {
  const codeOut = optional(input, "codeOut")
  const outcome = await administerNode(
    { ...order, home: context.home.directory, ...(codeOut === undefined ? {} : { codeOut }) },
    { signal: context.signal },
  )
  if (outcome.ok) return outcome.value
  throw new CommandError(outcome.code, outcome.message, outcome.data === undefined ? {} : { data: outcome.data })
}

async function publish(context: CommandContext, entry: Uint8Array): Promise<{ readonly index: number }> {
  const answer = await callNode(context, "ledger.publish", { entry: Buffer.from(entry).toString("base64") })
  const length = new AnswerFields("ledger.publish", answer).number("length")
  return { index: length - 1 }
}
