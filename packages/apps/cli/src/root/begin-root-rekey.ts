import { setTimeout as delay } from "node:timers/promises"
import { decodeNodePath, pathNames } from "@keygrove/hierarchy"
import { keepRootPlan, MAX_ROOT_REKEY_NODES, planRootRekey } from "@keygrove/node"
import { homeOf } from "@keygrove/node/home"
import { AnswerFields } from "keygrove/rpc"
import type { CommandContext, CommandInput, CommandOutcome } from "../command.ts"
import { commandError, CommandError } from "../errors.ts"
import { confirmed } from "../confirm.ts"
import { callNode } from "../node-call.ts"
import { nodeKeys } from "../keys/node-keys.ts"
import { optional } from "../options.ts"
import { ledgerAddress } from "../tree/invite.ts"
import { readTree, type Tree } from "../tree/node-tree.ts"
import { checkStandardInput, openRootSources } from "./root-sources.ts"
import { rekeyOutcome, rekeyStatus, type RekeyStatus } from "./root-rekey-plan.ts"

/** How often the node is asked how far it is, and how often at most. */
const POLL_MS = 250
const MAX_POLLS = 480

/** Makes the plan in a ceremony, keeps it in the home, and watches the node put it into force. Until it is kept, nothing happened. */
export async function beginRootRekey(input: CommandInput, context: CommandContext): Promise<CommandOutcome> {
  checkStandardInput(input)
  const tree = await readTree(context)
  await checkStands(context)
  await warnOfChangingKeys(context)
  const nodes = standingPaths(tree)
  const ledger = optional(input, "ledger") ?? (await ledgerAddress(context))
  const many = `${nodes.length} ${nodes.length === 1 ? "node" : "nodes"}`
  const question = `Replace the root of cluster ${tree.cluster.slice(0, 16)}? Each of its ${many} has to be moved by hand, and trusted clusters have to meet you again.`
  if (input.options["yes"] !== true && !(await confirmed(question, context)))
    throw commandError("NOT_CONFIRMED", "the root was not replaced: the question was not answered with y")
  const [wordsOut, codeOut] = [optional(input, "wordsOut"), optional(input, "codeOut")]
  using sources = openRootSources(input)
  const planned = await planRootRekey(
    {
      cluster: tree.cluster,
      nodes,
      ledger,
      ...(wordsOut === undefined ? {} : { wordsOut }),
      ...(codeOut === undefined ? {} : { codeOut }),
    },
    sources,
    { signal: context.signal },
  )
  if (!planned.ok) throw new CommandError(planned.code, planned.message, planned.data === undefined ? {} : { data: planned.data })
  keepRootPlan(homeOf(context.home.directory), planned.value)
  return rekeyOutcome(await untilInForce(context), Date.now())
}

/** A root that stepped down cannot do so again: its words make nothing any more. */
async function checkStands(context: CommandContext): Promise<void> {
  const answer = new AnswerFields("root.rekeyStatus", await callNode(context, "root.rekeyStatus"))
  if (answer.get("plan") !== null)
    throw commandError("ROOT_REKEY_UNDER_WAY", "the node has a plan already by which the root is replaced; see `keygrove root rekey`")
  const by = answer.optionalText("replacedBy")
  if (by !== undefined)
    throw commandError(
      "ROOT_REKEY_UNDER_WAY",
      `the root stepped down for cluster ${by.slice(0, 16)} already; move this node there with \`keygrove node move\``,
    )
}

/** A key that is derived at each start is of the root: below another one it is another key, and nothing brings the one of before back. */
async function warnOfChangingKeys(context: CommandContext): Promise<void> {
  const keys = await Array.fromAsync(nodeKeys(context).list({ signal: context.signal }))
  const changing = keys.filter(({ backend, source }) => backend === "preload" && source === "derived").map(({ id }) => id)
  if (changing.length === 0) return
  context.stderr.write(`preloaded keys of this node that are derived have other values below another root: ${changing.join(", ")}\n`)
}

/** Those that the plan has room for, parents before their children. */
function standingPaths({ nodes }: Tree): Parameters<typeof planRootRekey>[0]["nodes"] {
  const paths = nodes.flatMap(({ path, state }) => {
    const decoded = state === "active" || state === "invited" ? decodeNodePath(path) : undefined
    return decoded?.ok === true ? [decoded.value] : []
  })
  return paths.toSorted((a, b) => pathNames(a).length - pathNames(b).length).slice(0, MAX_ROOT_REKEY_NODES)
}

/** Asks the node until the old root stepped down, or something is in the way that takes longer. */
async function untilInForce(context: CommandContext): Promise<RekeyStatus | undefined> {
  const { signal, stderr } = context
  let status = await rekeyStatus(context, "root.rekeyBegin")
  for (let polls = 0; polls < MAX_POLLS && status?.replacedAt === null && status.reason === null; polls++) {
    if (stderr.isTTY) stderr.write(`\r${status.published} of ${status.entries} entries are on the ledger`)
    await delay(POLL_MS, undefined, { signal })
    status = await rekeyStatus(context)
  }
  if (stderr.isTTY) stderr.write("\r\u001B[K")
  return status
}
