import { findNode, owesRekey, type LedgerState } from "@keygrove/ledger"
import type { GrantRemaking, LedgerReplica, NodeContext, NodeIdentity, RootRekeying, SnapshotKeeper } from "@keygrove/service"
import type { Background } from "./background.ts"
import type { EtcdState } from "./etcd-state.ts"
import type { LedgerRole } from "../home/ledger-role.ts"
import type { Rekeys } from "./rekeys.ts"

/** What there is to warn of. */
export interface WarningSources {
  readonly context: NodeContext
  readonly background: Background
  readonly remaking: GrantRemaking
  readonly rekeys: Rekeys
  readonly role: LedgerRole
  readonly etcd: EtcdState | undefined
  readonly rootRekeying: RootRekeying
  readonly snapshots: Pick<SnapshotKeeper, "refusal">
}

/** What a person should know about this node now, in one line each. */
export function warningsOf(sources: WarningSources): readonly string[] {
  const { background, context, etcd, rekeys, remaking, role, rootRekeying, snapshots } = sources
  const { keystore, replica } = context
  const about = [...nodeWarnings(context, background, rekeys), ...(etcd?.warnings() ?? []), ...rootRekeyWarnings(rootRekeying)]
  return [...about, ...snapshotWarning(snapshots), ...remakingWarning(remaking, keystore.identity()), ...copyWarning(role, replica)]
}

function snapshotWarning({ refusal }: Pick<SnapshotKeeper, "refusal">): readonly string[] {
  return refusal === undefined ? [] : [`no snapshot of the ledger could be taken: ${refusal.code}: ${refusal.message}`]
}

/** What the plan of a root's replacement waits for. */
function rootRekeyWarnings({ progress, refusal }: RootRekeying): readonly string[] {
  if (progress === undefined)
    return refusal === undefined ? [] : [`the plan of the root's replacement: ${refusal.code}: ${refusal.message}`]
  const { entries, nodes, published, replacedAt } = progress
  const why = progress.refusal === undefined ? "" : `: ${progress.refusal.code}: ${progress.refusal.message}`
  if (replacedAt === undefined)
    return [`the new root is not in force yet; ${published} of ${entries} of its entries are on the ledger${why}`]
  const left = nodes.filter(({ state }) => state !== "moved" && state !== "ended").length
  return [
    `${left} ${left === 1 ? "node has" : "nodes have"} neither moved to the new root nor ended yet; see \`keygrove root rekey\`${why}`,
  ]
}

function nodeWarnings({ keystore, replica }: NodeContext, background: Background, rekeys: Rekeys): readonly string[] {
  const warnings: string[] = []
  if (keystore.state() !== "unlocked") warnings.push("the keystore is locked: `keygrove unlock` opens it")
  if (replica.failure !== undefined)
    warnings.push(`the ledger is not followed any more: ${replica.failure.code}: ${replica.failure.message}`)
  const ended = endOf(keystore.identity(), replica.state)
  if (ended !== undefined) return [...warnings, ended]
  const replaced = replacementWarning(keystore.identity(), replica.state)
  if (replaced !== undefined) return [...warnings, replaced]
  const epochs = epochWarnings(keystore.identity(), replica.state, rekeys)
  if (epochs.length > 0) return [...warnings, ...epochs]
  if (background.lastRefusal !== undefined)
    warnings.push(`this node is not on the ledger yet: ${background.lastRefusal.code}: ${background.lastRefusal.message}`)
  return warnings
}

/** What is to be done where the root of this node's cluster was replaced. */
function replacementWarning({ cluster }: NodeIdentity, state: LedgerState): string | undefined {
  const replaced = state.clusters.get(cluster)?.replacedBy
  if (replaced === undefined) return undefined
  const what = `the root of this cluster was replaced (entry ${replaced.at}): nothing is encrypted or granted here any more`
  return `${what}; stop the node, run \`keygrove node move\` with the moving code, and start it again`
}

/** What is to be done about this node's epoch. */
function epochWarnings(identity: NodeIdentity, state: LedgerState, { warning }: Rekeys): readonly string[] {
  if (warning !== undefined) return [warning]
  const node = findNode(state, identity)
  const { epoch } = identity.keys
  if (node?.keys !== undefined && node.keys.epoch > epoch)
    return [
      `this keystore is of epoch ${epoch} and the ledger of ${node.keys.epoch}: the home comes from an older backup; stop the node, run \`keygrove node rekey\`, and start it again`,
    ]
  if (node === undefined || !owesRekey(node)) return []
  return [`a node above this one ordered epoch ${node.orderedEpoch ?? epoch + 1}, and this one is in ${epoch}: run \`keygrove node rekey\``]
}

/** What a rekey of this node has left to do: no reader loses anything by it, but new files are not under the new keys yet. */
function remakingWarning({ progress }: GrantRemaking, { keys }: NodeIdentity): readonly string[] {
  const { labels, policies, refusal } = progress
  if (labels === 0 && policies === 0) return []
  const why = refusal === undefined ? "" : `: ${refusal.code}: ${refusal.message}`
  const toMake = policies === 1 ? "1 policy is still to be made" : `${policies} policies are still to be made`
  if (labels === 0) return [`${toMake} for what was encrypted in earlier epochs${why}`]
  const behind = labels === 1 ? "1 label is" : `${labels} labels are`
  return [`${behind} encrypted under the key of an earlier epoch than ${keys.epoch} until all grants are made again; ${toMake}${why}`]
}

/** A home that was recovered from data alone: what it knows of the world ends where its copy does. */
function copyWarning(role: LedgerRole, { head }: LedgerReplica): readonly string[] {
  if (role !== "copy") return []
  return [
    `the ledger is a copy of ${head.length} entries and follows nobody; name its host as "ledger" in config.json to learn what came after`,
  ]
}

/** What became of this node on the ledger, when it is none any more. */
function endOf({ cluster, generation, path }: NodeIdentity, state: LedgerState): string | undefined {
  const members = state.clusters.get(cluster)
  const now = members?.nodes.get(path)
  if (now !== undefined && now.generation > generation)
    return `this node was replaced by generation ${now.generation} (entry ${now.certifiedAt}); its keys are worth nothing any more`
  const removed = members?.removed.get(path)
  if (now !== undefined || removed === undefined) return undefined
  const how = removed.reason === "replaced" ? "ended with a node above it that was replaced" : `was revoked (${removed.reason})`
  return `this node ${how} by entry ${removed.at}; it is no member of its cluster any more, ask for a new invitation`
}
