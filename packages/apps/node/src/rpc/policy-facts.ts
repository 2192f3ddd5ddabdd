import { toHex } from "@keygrove/base"
import type { PolicyFacts } from "@keygrove/api"
import { isSameNode } from "@keygrove/hierarchy"
import { findHolder, findNode, policiesOfGrant, type PolicyState } from "@keygrove/ledger"
import { isReader, type NodeContext } from "@keygrove/service"

/** The grant of a policy as the interface tells it. `labels` are this node's labels by the hex of their keys. */
export function policyFacts(context: NodeContext, policy: PolicyState, labels: ReadonlyMap<string, string>): PolicyFacts {
  const all = policiesOfGrant(context.replica.state, policy)
  const [first] = all
  const { grant } = all.reduce((newest, each) => (each.grant.epoch > newest.grant.epoch ? each : newest))
  const { owner } = first
  return {
    id: toHex(first.grant.policyId),
    policies: all.map((each) => toHex(each.grant.policyId)),
    state: stateOf(context, all),
    role: roleOf(context, policy),
    label: all.map((each) => labels.get(toHex(each.grant.labelKey))).find((name) => name !== undefined) ?? null,
    owner: `${owner.path}@${owner.cluster.slice(0, 16)}`,
    reader: toHex(grant.reader.signingKey),
    threshold: grant.threshold,
    shares: grant.proxies.length,
    expires: grant.expiresAt,
    proxies: grant.proxies.map((proxy) => {
      const node = findHolder(context.replica.state, proxy.signingKey) ?? findNode(context.replica.state, proxy)
      return { cluster: proxy.cluster, path: proxy.path, signingKey: toHex(proxy.signingKey), addresses: node?.terms?.addresses ?? [] }
    }),
  }
}

/** The first policy of each grant that this node has to do with, in the order of the ledger. */
export function grantsHere(context: NodeContext): readonly PolicyState[] {
  return [...context.replica.state.policies.values()]
    .filter((policy) => policy.grant.continues === undefined && roleOf(context, policy) !== "other")
    .toSorted((a, b) => a.grantedAt - b.grantedAt)
}

/** What this node has to do with the grant of a policy. */
export function roleOf({ keystore, replica }: NodeContext, policy: PolicyState): PolicyFacts["role"] {
  const own = keystore.identity()
  // The ledger takes any root's word for who comes after it: what this node was, its keystore knows.
  if ([own, ...own.predecessors].some((each) => isSameNode(each, policy.owner))) return "owner"
  return policiesOfGrant(replica.state, policy).some((each) => isReader(replica.state, each, own)) ? "reader" : "other"
}

function stateOf({ clock }: NodeContext, grant: readonly PolicyState[]): PolicyFacts["state"] {
  const standing = grant.filter(({ revokedAt }) => revokedAt === undefined)
  if (standing.length === 0) return "revoked"
  return standing.every((policy) => policy.grant.expiresAt <= clock.now()) ? "expired" : "standing"
}
