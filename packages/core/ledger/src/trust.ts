import type { Primitives } from "@keygrove/crypto"
import { clusterIdOf, type TrustRemoval, type TrustStatement } from "@keygrove/hierarchy"
import { signingAuthor } from "./author.ts"
import { MAX_TRUSTED_CLUSTERS } from "./limits.ts"
import { applied, clusterOf, rejected, withCluster, type Placed } from "./transitions.ts"
import type { LedgerState } from "./state.ts"
import type { Application } from "./verdict.ts"

type Applied = Application<LedgerState>

/** A node says that its cluster trusts another. */
export function applyTrust(primitives: Pick<Primitives, "sha256">, state: LedgerState, entry: Placed<TrustStatement>): Applied {
  const { author, body, index } = entry
  const node = signingAuthor(state, author)
  if (!node.ok) return rejected(state, node.code)
  if (body.cluster === author.cluster) return rejected(state, "TRUST_SELF")
  if (clusterIdOf(primitives, body.anchorKey) !== body.cluster) return rejected(state, "TRUST_FINGERPRINT_WRONG")
  const cluster = clusterOf(state, author)
  const before = cluster.trusted.get(body.cluster)
  if (body.revision <= (before?.revision ?? 0)) return rejected(state, "TRUST_STALE")
  const isNew = before === undefined || before.removedAt !== undefined
  if (isNew && cluster.trustCount >= MAX_TRUSTED_CLUSTERS) return rejected(state, "TRUST_LIMIT")
  const trusted = cluster.trusted.set(body.cluster, { ...body, by: author.path, at: index })
  return applied(withCluster(state, { ...cluster, trusted, trustCount: cluster.trustCount + (isNew ? 1 : 0) }))
}

/** A node says that its cluster trusts another no longer. */
export function applyTrustRemoved(state: LedgerState, entry: Placed<TrustRemoval>): Applied {
  const { author, body, index } = entry
  const node = signingAuthor(state, author)
  if (!node.ok) return rejected(state, node.code)
  const cluster = clusterOf(state, author)
  const before = cluster.trusted.get(body.cluster)
  if (before === undefined || before.removedAt !== undefined) return rejected(state, "TRUST_UNKNOWN")
  if (body.revision <= before.revision) return rejected(state, "TRUST_STALE")
  const trusted = cluster.trusted.set(body.cluster, { ...before, revision: body.revision, removedAt: index })
  return applied(withCluster(state, { ...cluster, trusted, trustCount: cluster.trustCount - 1 }))
}
