import { fromHex } from "@keygrove/base"
import { decodeClusterId, decodeNodePath, parentPath, ROOT_PATH, type ClusterId, type RootFacts } from "@keygrove/hierarchy"
import { readRootFacts, rootFactsOf } from "@keygrove/node"
import { readHomeFacts } from "@keygrove/node/home-facts"
import { AnswerFields } from "keygrove/rpc"
import type { CommandContext } from "../command.ts"
import { commandError, CommandError } from "../errors.ts"
import { callNode } from "../node-call.ts"
import { readTree } from "../tree/node-tree.ts"

/**
 * What is public of the root of this home's cluster: from the home, else from the ledger of the running node.
 * @throws CommandError what the home or the node refuses.
 */
export async function rootFacts(context: CommandContext): Promise<RootFacts> {
  const { directory } = context.home
  const facts = readHomeFacts(directory)
  if (!facts.ok) throw new CommandError(facts.code, facts.message)
  const cluster = decodeClusterId(facts.value.cluster)
  if (!cluster.ok) throw new CommandError(cluster.code, cluster.message)
  const known = readRootFacts(directory, cluster.value)
  if (!known.ok) throw new CommandError(known.code, known.message)
  return known.value ?? (await rootOnLedger(context, cluster.value))
}

/** The root signed the certificates of the nodes right below it, and each entry names its author's key. */
async function rootOnLedger(context: CommandContext, cluster: ClusterId): Promise<RootFacts> {
  const { nodes } = await readTree(context)
  for (const { at, path: text } of nodes.filter(({ state }) => state === "active" || state === "invited")) {
    const path = decodeNodePath(text)
    if (!path.ok || parentPath(path.value) !== ROOT_PATH) continue
    const answer = new AnswerFields("ledger.entries", await callNode(context, "ledger.entries", { from: at, limit: 1 }))
    const key = fromHex(answer.objects("entries")[0]?.text("key") ?? "")
    const facts = key.ok ? rootFactsOf(cluster, key.value) : undefined
    if (facts !== undefined) return facts
  }
  throw commandError(
    "UNEXPECTED",
    `the ledger names no anchor of the root of ${cluster.slice(0, 16)}; wait until the node has read it whole`,
  )
}
