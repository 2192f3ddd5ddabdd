import {
  MAX_NODE_PAGE,
  type ApiParams,
  type NodeFacts,
  type NodeTree,
  type RekeyExchangeFacts,
  type RekeyFacts,
  type RootRekeyStatus,
  type TreeApiParams,
} from "@keygrove/api"
import { ok, refuse, toHex, type Result } from "@keygrove/base"
import { encodeIdentity, ROOT_PATH } from "@keygrove/hierarchy"
import { decodeEntry, isOfKeyChain, owesRekey, type NodeState, type RemovedNode } from "@keygrove/ledger"
import type { CallOptions, NodeContext, PreparedRekey, RootRekeying } from "@keygrove/service"
import type { Rekeys } from "../runtime/rekeys.ts"

/** What the methods about the tree of nodes work on. */
export interface TreeMethodContext {
  readonly runtime: {
    readonly context: Pick<NodeContext, "keystore" | "replica">
    readonly rekeys: Rekeys
    readonly rootRekeying: RootRekeying
  }
}

type Handler<M extends keyof TreeApiParams> = (
  context: TreeMethodContext,
  params: ApiParams[M],
  options: CallOptions,
) => Promise<Result<unknown>> | Result<unknown>

/** The methods about the tree of nodes. */
export const treeHandlers: { readonly [M in keyof TreeApiParams]: Handler<M> } = {
  "node.list": ({ runtime }, { after = "", limit = MAX_NODE_PAGE }) => ok(treeOf(runtime.context, { after, limit })),
  "node.rekeyBegin": async ({ runtime }, _params, options) => await beginRekey(runtime, options),
  "node.rekeyFinish": async ({ runtime }, { entry, sealed }, options) => await finishRekey(runtime, { entry, sealed }, options),
  "root.rekeyBegin": ({ runtime }) => {
    const begun = runtime.rootRekeying.begin()
    return begun.ok ? ok(rootRekeyStatus(runtime)) : begun
  },
  "root.rekeyStatus": ({ runtime }) => {
    const { progress, refusal } = runtime.rootRekeying
    return progress === undefined && refusal !== undefined ? refusal : ok(rootRekeyStatus(runtime))
  },
  "ledger.publish": async ({ runtime }, { entry }, options) => {
    const { keystore, replica } = runtime.context
    const decoded = decodeEntry(entry)
    if (!decoded.ok) return decoded
    if (decoded.value.author.cluster !== keystore.identity().cluster || !isOfKeyChain(decoded.value))
      return refuse("RPC_PARAMS_INVALID", 'the parameter "entry" is no statement about a node of this cluster', { name: "entry" })
    const appended = await replica.appendEntries([entry], options)
    return appended.ok ? ok({ length: appended.value.length, head: toHex(appended.value.hash) }) : appended
  },
}

function rootRekeyStatus({ context, rootRekeying: { progress } }: TreeMethodContext["runtime"]): RootRekeyStatus {
  const { keystore, replica } = context
  const replacedBy = replica.state.clusters.get(keystore.identity().cluster)?.replacedBy?.successor ?? null
  if (progress === undefined) return { plan: null, replacedBy }
  const { entries, nodes, plan, published, refusal, replacedAt } = progress
  return {
    replacedBy,
    plan: {
      cluster: plan.cluster,
      successor: plan.successor,
      published,
      entries,
      replacedAt: replacedAt ?? null,
      nodes: nodes.map(({ lastSeen, path, state }) => ({ path, state, lastSeen: lastSeen ?? null })),
      reason: refusal === undefined ? null : { code: refusal.code, message: refusal.message },
    },
  }
}

async function beginRekey({ context, rekeys }: TreeMethodContext["runtime"], options: CallOptions): Promise<Result<RekeyExchangeFacts>> {
  const { cluster, generation, keys, path } = context.keystore.identity()
  const begun = await rekeys.begin(options)
  if (!begun.ok) return begun
  const { exchangeKey, signature } = begun.value
  return ok({ cluster, path, generation, epoch: keys.epoch, exchangeKey: toHex(exchangeKey), signature: toHex(signature) })
}

async function finishRekey(
  { context, rekeys }: TreeMethodContext["runtime"],
  prepared: PreparedRekey,
  options: CallOptions,
): Promise<Result<RekeyFacts>> {
  const finished = await rekeys.finish(prepared, options)
  if (!finished.ok) return finished
  const { epoch, refusal, state } = finished.value
  const { cluster, keys } = context.keystore.identity()
  const id = encodeIdentity({ encryptionKey: keys.encryptionKey, signingKey: keys.signingKey, cluster })
  return ok({ state, epoch, id, reason: refusal === undefined ? null : { code: refusal.code, message: refusal.message } })
}

function treeOf(
  { keystore, replica }: Pick<NodeContext, "keystore" | "replica">,
  page: { readonly after: string; readonly limit: number },
): NodeTree {
  const own = keystore.identity()
  const { clusters, origin } = replica.state
  const cluster = clusters.get(own.cluster)
  const known = [...(cluster?.nodes.values() ?? [])].filter(({ path }) => path !== ROOT_PATH)
  const standing = known.map((node) => standingFacts(node, node.path === own.path && node.generation === own.generation))
  const gone = [...(cluster?.removed.values() ?? [])].filter(({ path }) => cluster?.nodes.get(path) === undefined)
  const facts = [...standing, ...gone.map((node) => goneFacts(node, node.path === own.path))]
    .filter(({ path }) => path > page.after)
    .toSorted((a, b) => (a.path < b.path ? -1 : 1))
  const nodes = facts.slice(0, page.limit)
  return {
    cluster: own.cluster,
    origin: toHex(origin ?? new Uint8Array(32)),
    nodes,
    next: facts.length > nodes.length ? (nodes.at(-1)?.path ?? null) : null,
  }
}

function standingFacts(node: NodeState, self: boolean): NodeFacts {
  const { certifiedAt: at, generation, keys, orderedEpoch, path } = node
  const owesEpoch = owesRekey(node) ? (orderedEpoch ?? null) : null
  const state = keys === undefined ? "invited" : "active"
  return { path, generation, epoch: keys?.epoch ?? 0, state, reason: null, at, owesEpoch, self }
}

function goneFacts({ at, generation, path, reason }: RemovedNode, self: boolean): NodeFacts {
  const isReplaced = reason === "replaced"
  const state = isReplaced ? "replaced" : "revoked"
  return { path, generation, epoch: 0, state, reason: isReplaced ? null : reason, at, owesEpoch: null, self }
}
