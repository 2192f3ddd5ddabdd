import { toHex } from "@keygrove/base"
import type { Primitives } from "@keygrove/crypto"
import { isSameNode, type NodeReference, type Timestamp } from "@keygrove/hierarchy"
import { findHolder, hasKeys, type KeyedNode, type LedgerState } from "@keygrove/ledger"
import type { LedgerReplica } from "../ledger/replica.ts"
import type { CallOptions } from "../ports/call-options.ts"
import type { Placement, ProxyCandidate } from "../ports/placement.ts"

/** Candidates looked at; a policy needs at most 30 and their spares. */
const MAX_CANDIDATES = 64

/** {@link Placement} from the terms on the ledger. Ordered by XOR distance of SHA-256(signing key) to the policy id, as Kademlia will. */
export class LedgerPlacement implements Placement {
  readonly #replica: LedgerReplica
  readonly #primitives: Pick<Primitives, "sha256">
  readonly #self: NodeReference

  /** @param self this node, which never serves its own policies. */
  constructor(replica: LedgerReplica, primitives: Pick<Primitives, "sha256">, self: NodeReference) {
    this.#replica = replica
    this.#primitives = primitives
    this.#self = self
  }

  async candidates(policyId: Uint8Array, until: Timestamp, { signal }: CallOptions): Promise<readonly ProxyCandidate[]> {
    signal.throwIfAborted()
    await Promise.resolve()
    const { state } = this.#replica
    const used = fragmentCounts(state)
    const able = [...offering(state)].filter((node) => {
      const held = used.get(toHex(node.keys.signingKey)) ?? 0
      return node.terms !== undefined && node.terms.until >= until && held < node.terms.capacity && !isSameNode(node, this.#self)
    })
    return able
      .map((node) => ({ node, distance: this.#distance(policyId, node.keys.signingKey) }))
      .toSorted((a, b) => (a.distance < b.distance ? -1 : 1))
      .slice(0, MAX_CANDIDATES)
      .map(({ node }) => ({
        signingKey: node.keys.signingKey,
        sealingKey: node.keys.sealingKey,
        addresses: node.terms?.addresses ?? [],
        cluster: node.cluster,
        path: node.path,
      }))
  }

  /** As hex, so that it sorts. */
  #distance(policyId: Uint8Array, signingKey: Uint8Array): string {
    return toHex(this.#primitives.sha256(signingKey).map((byte, index) => byte ^ (policyId[index] ?? 0)))
  }
}

/** Nodes that offer something, in the order of clusters and paths. Keys below a root that was replaced may be known to others: they get no new fragment. */
function* offering(state: LedgerState): Generator<KeyedNode, undefined> {
  for (const cluster of state.clusters.values()) {
    if (cluster.replacedBy !== undefined) continue
    for (const node of cluster.nodes.values()) if (hasKeys(node) && node.terms !== undefined) yield node
  }
}

/** How many policies that are not revoked each node serves, by its current signing key; a policy may name the key that it had before. */
function fragmentCounts(state: LedgerState): ReadonlyMap<string, number> {
  const counts = new Map<string, number>()
  for (const policy of state.policies.values()) {
    if (policy.revokedAt !== undefined) continue
    for (const { signingKey } of policy.grant.proxies) {
      const key = toHex(findHolder(state, signingKey)?.keys.signingKey ?? signingKey)
      counts.set(key, (counts.get(key) ?? 0) + 1)
    }
  }
  return counts
}
