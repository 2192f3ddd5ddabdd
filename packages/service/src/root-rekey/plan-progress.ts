import { toHex } from "@keygrove/base"
import { ROOT_PATH, type NodePath } from "@keygrove/hierarchy"
import { decodeEntry, findNode, type LedgerIndex, type LedgerState, type OpenedRootPlan } from "@keygrove/ledger"

/**
 * How far a node is on its way below the new root: it has named its keys there; it stands below the old one and is invited; it stands there and is not, because it joined after the plan was made; or it ended
 * below the one or the other.
 * One that was revoked below the old root when the new one had certified it already has to be revoked there too: `unrevoked`.
 */
export type MoveState = "moved" | "waiting" | "uninvited" | "unrevoked" | "ended"

/** How far the replacement of a root is, by the ledger. */
export interface PlanProgress {
  /** Entries of the new cluster that are on the ledger, of those that have to be. */
  readonly published: number
  readonly entries: number
  /** Where the old root stepped down. */
  readonly replacedAt?: LedgerIndex
  /** In the order of their paths. */
  readonly nodes: readonly { readonly path: NodePath; readonly state: MoveState }[]
  /** Whether nothing is left to do: the old root stepped down, and nobody is below it any more who has not moved. */
  readonly isDone: boolean
}

/** The entries of the new cluster that the ledger does not have yet, in order; certificates of nodes that ended below the old root since the plan was made are left out, for ever. */
export function missingEntries(
  state: LedgerState,
  { cluster, entries: [announced, ...certificates], successor }: OpenedRootPlan,
): readonly Uint8Array[] {
  const missing = announced === undefined || state.clusters.has(successor) ? [] : [announced]
  for (const bytes of certificates) {
    const entry = decodeEntry(bytes)
    if (!entry.ok || entry.value.statement?.kind !== "node") continue
    const { anchorKey, path } = entry.value.statement.body
    if (!state.anchorKeys.has(toHex(anchorKey)) && findNode(state, { cluster, path }) !== undefined) missing.push(bytes)
  }
  return missing
}

/** What the ledger says of a plan. */
export function progressOf(state: LedgerState, plan: OpenedRootPlan): PlanProgress {
  const missing = missingEntries(state, plan)
  const replaced = state.clusters.get(plan.cluster)?.replacedBy
  const invited = new Set(plan.invitations.map(({ path }) => path))
  const standing = [...(state.clusters.get(plan.cluster)?.nodes.values() ?? [])]
    .map(({ path }) => path)
    .filter((path) => path !== ROOT_PATH)
  const nodes = [...new Set([...invited, ...standing])]
    .toSorted()
    .map((path) => ({ path, state: moveState(state, plan, { path, isInvited: invited.has(path) }) }))
  const published = plan.entries.length - missing.length
  const isBehind = replaced?.successor !== plan.successor || nodes.some(({ state: each }) => each !== "moved" && each !== "ended")
  const progress = { published, entries: plan.entries.length, nodes, isDone: missing.length === 0 && !isBehind }
  return replaced?.successor === plan.successor ? { ...progress, replacedAt: replaced.at } : progress
}

function moveState(
  state: LedgerState,
  { cluster, successor }: OpenedRootPlan,
  { isInvited, path }: { readonly path: NodePath; readonly isInvited: boolean },
): MoveState {
  const [before, after] = [findNode(state, { cluster, path }), findNode(state, { cluster: successor, path })]
  if (after?.keys !== undefined) return "moved"
  if (before === undefined) return after === undefined ? "ended" : "unrevoked"
  if (after === undefined && state.clusters.get(successor)?.removed.has(path) === true) return "ended"
  return isInvited ? "waiting" : "uninvited"
}
