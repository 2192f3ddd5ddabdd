import { equalBytes, toHex } from "@keygrove/base"
import { findHolder, policiesOfGrant, type LedgerState, type PolicyState } from "@keygrove/ledger"
import type { PolicyGrant } from "@keygrove/reencryption"
import type { NodeContext } from "../node-context.ts"
import { keysOf, type LabelEpoch, type LabelRecord } from "./label-records.ts"
import { isReplaced } from "./standing-root.ts"

/** A grant of this node that stands: its policies, the first one first, one for each key of its label that it was made for. */
export type StandingGrant = readonly [PolicyState, ...PolicyState[]]

type GrantContext = Pick<NodeContext, "clock" | "keystore" | "replica">

/** This node's grants that are neither revoked nor expired and whose reader still is one, in the order in which they were made. */
export function* standingGrants({ clock, keystore, replica }: GrantContext): Generator<StandingGrant, undefined> {
  const { state } = replica
  const { cluster, path } = keystore.identity()
  for (const id of state.clusters.get(cluster)?.livePolicies.values() ?? []) {
    const policy = state.policies.get(id)
    if (policy === undefined || policy.owner.path !== path || policy.grant.continues !== undefined) continue
    if (policy.grant.expiresAt <= clock.now() || readerNow(state, policy.grant.reader) === undefined) continue
    const [first, ...others] = policiesOfGrant(state, policy)
    yield [first, ...others.filter(({ revokedAt }) => revokedAt === undefined)]
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
 * of the node that the policy names has ended, or its root was replaced: nothing new is made for it.
 */
export function readerNow(state: LedgerState, reader: PolicyGrant["reader"]): PolicyGrant["reader"] | undefined {
  const node = findHolder(state, reader.signingKey)
  if (node !== undefined && isReplaced(state, node.cluster)) return undefined
  if (node !== undefined) return { encryptionKey: node.keys.encryptionKey, signingKey: node.keys.signingKey }
  return state.signingKeys.has(toHex(reader.signingKey)) ? undefined : reader
}
