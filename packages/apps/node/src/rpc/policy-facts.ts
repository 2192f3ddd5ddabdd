import { toHex } from "@keygrove/base"
import type { PolicyFacts } from "@keygrove/api"
import { isSameNode } from "@keygrove/hierarchy"
import { findNode, findNodeByKey, type PolicyState } from "@keygrove/ledger"
import { isReader, type NodeContext } from "@keygrove/service"

/** A policy as the interface tells it. `labels` are this node's labels by the hex of their keys. */
export function policyFacts(context: NodeContext, policy: PolicyState, labels: ReadonlyMap<string, string>): PolicyFacts {
  const { grant, owner } = policy
  return {
    id: toHex(grant.policyId),
    state: stateOf(context, policy),
    role: roleOf(context, policy),
    label: labels.get(toHex(grant.labelKey)) ?? null,
    owner: `${owner.path}@${owner.cluster.slice(0, 16)}`,
    reader: toHex(grant.reader.signingKey),
    threshold: grant.threshold,
    shares: grant.proxies.length,
    expires: grant.expiresAt,
    proxies: grant.proxies.map((proxy) => {
      const node = findNodeByKey(context.replica.state, proxy.signingKey) ?? findNode(context.replica.state, proxy)
      return { cluster: proxy.cluster, path: proxy.path, signingKey: toHex(proxy.signingKey), addresses: node?.terms?.addresses ?? [] }
    }),
  }
}

/** What this node has to do with a policy. */
export function roleOf({ keystore, replica }: NodeContext, policy: PolicyState): PolicyFacts["role"] {
  const own = keystore.identity()
  if (isSameNode(policy.owner, own)) return "owner"
  return isReader(replica.state, policy, own) ? "reader" : "other"
}

function stateOf({ clock }: NodeContext, { grant, revokedAt }: PolicyState): PolicyFacts["state"] {
  if (revokedAt !== undefined) return "revoked"
  return grant.expiresAt <= clock.now() ? "expired" : "standing"
}
