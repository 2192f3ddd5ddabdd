import { equalBytes, toHex } from "@keygrove/base"
import type { ClusterId } from "@keygrove/hierarchy"
import {
  findHolder,
  findNode,
  policiesOfGrant,
  standsFor,
  succeeds,
  type LedgerState,
  type NodeState,
  type PolicyState,
} from "@keygrove/ledger"
import type { PolicyGrant } from "@keygrove/reencryption"
import type { NodeContext } from "../node-context.ts"
import { keysOf, type LabelEpoch, type LabelRecord } from "./label-records.ts"
import { isReplaced } from "./standing-root.ts"

/** A grant of this node that stands: its policies, the first one first, one for each key of its label that it was made for. */
export type StandingGrant = readonly [PolicyState, ...PolicyState[]]

type GrantContext = Pick<NodeContext, "clock" | "keystore" | "replica">

/** This node's grants that are neither revoked nor expired and whose reader still is one, in the order in which they were made; those that it made below roots that were replaced come first. */
export function* standingGrants({ clock, keystore, replica }: GrantContext): Generator<StandingGrant, undefined> {
  const { state } = replica
  const own = keystore.identity()
  const before = own.predecessors.map(({ cluster }) => cluster).toReversed()
  for (const cluster of [...before, own.cluster]) {
    for (const id of state.clusters.get(cluster)?.livePolicies.values() ?? []) {
      const policy = state.policies.get(id)
      if (policy === undefined || !standsFor(state, own, policy.owner) || policy.grant.continues !== undefined) continue
      if (policy.grant.expiresAt <= clock.now() || readerNow(state, policy.grant.reader, own.cluster) === undefined) continue
      const [first, ...others] = policiesOfGrant(state, policy)
      yield [first, ...others.filter(({ revokedAt }) => revokedAt === undefined)]
    }
  }
}

/** Those of them that are of one label. */
export function grantsOfLabel(context: GrantContext, record: LabelRecord): readonly StandingGrant[] {
  const keys = new Set(keysOf(record).map(({ labelKey }) => toHex(labelKey)))
  return [...standingGrants(context)].filter(([first]) => keys.has(toHex(first.grant.labelKey)))
}

/** Whether a grant has a policy for this key of its label. */
export function isForKey(grant: StandingGrant, { labelKey }: Pick<LabelEpoch, "labelKey">): boolean {
  return grant.some((policy) => equalBytes(policy.grant.labelKey, labelKey))
}

/**
 * The keys that a policy for this reader names today: its node's current ones. A reader that the ledger never heard of keeps those it gave. `undefined` when the generation
 * of the node that the policy names has ended: nothing new is made for it. Nor when its root was replaced, but by that of `own`, the owner's cluster: who moved below the same root is known.
 */
export function readerNow(state: LedgerState, reader: PolicyGrant["reader"], own: ClusterId): PolicyGrant["reader"] | undefined {
  const holder = findHolder(state, reader.signingKey)
  if (holder === undefined) return state.signingKeys.has(toHex(reader.signingKey)) ? undefined : reader
  const keys = isReplaced(state, holder.cluster) ? movedTo(state, holder, own)?.keys : holder.keys
  return keys === undefined ? undefined : { encryptionKey: keys.encryptionKey, signingKey: keys.signingKey }
}

/** The node as it is below a root that came after its own. */
function movedTo(state: LedgerState, { cluster, path }: NodeState, own: ClusterId): NodeState | undefined {
  return succeeds(state, own, cluster) ? findNode(state, { cluster: own, path }) : undefined
}
