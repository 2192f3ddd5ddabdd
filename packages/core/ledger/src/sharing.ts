import { equalBytes, toHex } from "@keygrove/base"
import { isBelow, isSameNode, ROOT_PATH } from "@keygrove/hierarchy"
import type { PolicyGrant, PolicyRevocation, ProxyTerms } from "@keygrove/reencryption"
import { anchorAuthor, signingAuthor } from "./author.ts"
import type { LedgerIndex } from "./head.ts"
import { MAX_LIVE_POLICIES } from "./limits.ts"
import { applied, clusterOf, rejected, withCluster, withNode, type Placed } from "./transitions.ts"
import { withoutReader, withReader } from "./readers.ts"
import { findNodeByKey, findPolicy, policiesOfGrant, type KeyedNode, type LedgerState, type PolicyState } from "./state.ts"
import { standsFor, succeeds } from "./succession.ts"
import type { Application, VoidReason } from "./verdict.ts"

type Applied = Application<LedgerState>

/** A node offers to be a proxy, or changes its offer. */
export function applyProxyTerms(state: LedgerState, entry: Placed<ProxyTerms>): Applied {
  const node = signingAuthor(state, entry.author)
  if (!node.ok) return rejected(state, node.code)
  if (entry.body.revision <= (node.value.terms?.revision ?? 0)) return rejected(state, "PROXY_TERMS_STALE")
  return applied(withNode(state, { ...node.value, terms: entry.body }))
}

/** An owner grants a policy. */
export function applyPolicyGranted(state: LedgerState, entry: Placed<PolicyGrant>): Applied {
  const { author, body, index } = entry
  const owner = signingAuthor(state, author)
  if (!owner.ok) return rejected(state, owner.code)
  const reason = grantObjection(state, owner.value, body)
  if (reason !== undefined) return rejected(state, reason)
  const { cluster, path } = owner.value
  const policy: PolicyState = { grant: body, owner: { cluster, path }, ownerSigningKey: author.key, grantedAt: index }
  const granting = clusterOf(state, owner.value)
  const read = { ...state, readers: withReader(state.readers, policy) }
  const counted = withCluster(read, { ...granting, livePolicies: granting.livePolicies.set(index, toHex(body.policyId)) })
  const first = body.continues === undefined ? undefined : findPolicy(counted, body.continues)
  if (first === undefined) return applied(withPolicy(counted, policy))
  const continued = { ...first, continuedBy: [...(first.continuedBy ?? []), toHex(body.policyId)] }
  return applied(withPolicy(withPolicy(counted, continued), policy))
}

function grantObjection(state: LedgerState, owner: KeyedNode, grant: PolicyGrant): VoidReason | undefined {
  if (state.policies.has(toHex(grant.policyId))) return "POLICY_DUPLICATE"
  if (!equalBytes(grant.delegationKey, owner.keys.delegationKey)) return "POLICY_DELEGATION_KEY_FOREIGN"
  if (grant.epoch > owner.keys.epoch) return "POLICY_EPOCH_UNKNOWN"
  for (const proxy of grant.proxies) {
    const node = findNodeByKey(state, proxy.signingKey)
    if (node === undefined || !isSameNode(node, proxy)) return "POLICY_PROXY_UNKNOWN"
  }
  if (grant.continues !== undefined) return continuationObjection(state, owner, grant.continues) ?? limitObjection(state, owner)
  return limitObjection(state, owner)
}

function continuationObjection(state: LedgerState, owner: KeyedNode, continues: Uint8Array): VoidReason | undefined {
  const first = findPolicy(state, continues)
  if (first === undefined || first.grant.continues !== undefined || !standsFor(state, owner, first.owner)) return "POLICY_CONTINUES_WRONG"
  return first.revokedAt === undefined ? undefined : "POLICY_CONTINUES_REVOKED"
}

function limitObjection(state: LedgerState, owner: KeyedNode): VoidReason | undefined {
  return clusterOf(state, owner).livePolicies.size >= MAX_LIVE_POLICIES ? "POLICY_LIMIT" : undefined
}

/**
 * An owner, or a node above it, which has power over it, ends a policy with all of its grant, for ever; so does the node at such a path of a cluster that stands for the owner's. A root
 * that is no node signs with its anchor. No limit stands in its way.
 */
export function applyPolicyRevoked(state: LedgerState, entry: Placed<PolicyRevocation>): Applied {
  const { author, body, index } = entry
  const revoker = author.path === ROOT_PATH ? anchorAuthor(state, author) : signingAuthor(state, author)
  if (!revoker.ok) return rejected(state, revoker.code)
  const policy = state.policies.get(toHex(body.policyId))
  if (policy === undefined) return rejected(state, "POLICY_UNKNOWN")
  const { owner } = policy
  const isPowerful = owner.path === author.path || isBelow(owner.path, author.path)
  if (!isPowerful || (owner.cluster !== author.cluster && !succeeds(state, author.cluster, owner.cluster)))
    return rejected(state, "POLICY_OWNER_WRONG")
  if (policy.revokedAt !== undefined) return rejected(state, "POLICY_ALREADY_REVOKED")
  return applied(policiesOfGrant(state, policy).reduce((before, each) => endedAt(before, each, index), state))
}

/** The state without a policy that stood. */
function endedAt(state: LedgerState, policy: PolicyState, index: LedgerIndex): LedgerState {
  if (policy.revokedAt !== undefined) return state
  // Those of one grant may be of several clusters, each of which stands for the one before.
  const cluster = clusterOf(state, policy.owner)
  const unread = { ...state, readers: withoutReader(state.readers, policy, index) }
  const without = withCluster(unread, { ...cluster, livePolicies: cluster.livePolicies.delete(policy.grantedAt) })
  return withPolicy(without, { ...policy, revokedAt: index })
}

function withPolicy(state: LedgerState, policy: PolicyState): LedgerState {
  return { ...state, policies: state.policies.set(toHex(policy.grant.policyId), policy) }
}
