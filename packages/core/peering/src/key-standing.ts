import { equalBytes, toHex } from "@keygrove/base"
import type { ClusterId } from "@keygrove/hierarchy"
import { findNode, hasKeys, type KeyedNode, type LedgerIndex, type LedgerState } from "@keygrove/ledger"

/** What a ledger says of a signing key that a peer has proved. */
export type KeyStanding =
  /** A node's, now. */
  | { readonly kind: "current"; readonly node: KeyedNode }
  /** The one that a node had until its last rekey, which is the entry `endedAt`. */
  | { readonly kind: "before"; readonly node: KeyedNode; readonly endedAt: LedgerIndex }
  /** A node's once: it was revoked or replaced, or has rekeyed more than once since. The entry `endedAt` or one before it says so. */
  | { readonly kind: "ended"; readonly cluster: ClusterId; readonly endedAt: LedgerIndex }
  /** Nobody's. */
  | { readonly kind: "unknown" }

/** Looks a signing key (32 bytes) up. */
export function standingOfKey(state: LedgerState, signingKey: Uint8Array): KeyStanding {
  const holder = state.signingKeys.get(toHex(signingKey))
  if (holder === undefined) return { kind: "unknown" }
  const node = findNode(state, holder)
  // A later generation at the path is certified after the key was named.
  if (node !== undefined && hasKeys(node) && node.certifiedAt < holder.since) {
    if (equalBytes(node.keys.signingKey, signingKey)) return { kind: "current", node }
    const endedAt = state.signingKeys.get(toHex(node.keys.signingKey))?.since ?? holder.since
    return node.keys.epoch === holder.epoch + 1 ? { kind: "before", node, endedAt } : { kind: "ended", cluster: holder.cluster, endedAt }
  }
  const removedAt = state.clusters.get(holder.cluster)?.removed.get(holder.path)?.at
  const ends = [removedAt, node?.certifiedAt].filter((at) => at !== undefined && at > holder.since)
  return { kind: "ended", cluster: holder.cluster, endedAt: ends.toSorted((a, b) => (a ?? 0) - (b ?? 0))[0] ?? holder.since }
}
