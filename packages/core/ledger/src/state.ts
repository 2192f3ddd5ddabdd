import { toHex } from "@keygrove/base"
import type { ClusterId, Epoch, EpochKeys, Generation, NodePath, NodeReference } from "@keygrove/hierarchy"
import type { PolicyGrant, ProxyTerms } from "@keygrove/reencryption"
import type { LedgerIndex } from "./head.ts"
import { HexMap } from "./hex-map.ts"

/** A node as the ledger knows it. */
export interface NodeState extends NodeReference {
  readonly generation: Generation
  /** Ed25519, 32 bytes. */
  readonly anchorKey: Uint8Array
  readonly certifiedAt: LedgerIndex
  /** Keys of the current epoch; absent before the first rekey of the generation, and always for a root that is no node. */
  readonly keys?: EpochKeys
  /** `rekeyDigest` of the last rekey of this generation, 32 bytes; zeros before the first. */
  readonly lastRekey: Uint8Array
  readonly terms?: ProxyTerms
}

/** A node that has keys. */
export type KeyedNode = NodeState & { readonly keys: EpochKeys }

export interface ClusterState {
  readonly id: ClusterId
  readonly announcedAt: LedgerIndex
  /** By path; the root is the node `/`. */
  readonly nodes: ReadonlyMap<NodePath, NodeState>
  /** Policies of its nodes that are not revoked. */
  readonly livePolicies: number
}

export interface PolicyState {
  readonly grant: PolicyGrant
  readonly owner: NodeReference
  /** The owner's signing key when it granted, 32 bytes. */
  readonly ownerSigningKey: Uint8Array
  readonly grantedAt: LedgerIndex
  /** Index of the revocation; absent while the policy stands. Expiry is judged by the reader's clock, not here. */
  readonly revokedAt?: LedgerIndex
}

/** Who used a signing key, and since when; kept for ever, because a key never comes back. */
export interface KeyHolder extends NodeReference {
  readonly epoch: Epoch
  readonly since: LedgerIndex
}

/** The fold over a ledger. Immutable: a reference to it is a snapshot. */
export interface LedgerState {
  /** By {@link ClusterId}. */
  readonly clusters: HexMap<ClusterState>
  /** By the hex of the policy id. */
  readonly policies: HexMap<PolicyState>
  /** By the hex of the signing key. */
  readonly signingKeys: HexMap<KeyHolder>
}

/** The state of the empty ledger. */
export function emptyState(): LedgerState {
  return { clusters: HexMap.empty(), policies: HexMap.empty(), signingKeys: HexMap.empty() }
}

/** The node at a path. */
export function findNode(state: LedgerState, node: NodeReference): NodeState | undefined {
  return state.clusters.get(node.cluster)?.nodes.get(node.path)
}

/** The node whose current signing key this is. */
export function findNodeByKey(state: LedgerState, signingKey: Uint8Array): KeyedNode | undefined {
  const hex = toHex(signingKey)
  const holder = state.signingKeys.get(hex)
  const node = holder === undefined ? undefined : findNode(state, holder)
  return node !== undefined && hasKeys(node) && toHex(node.keys.signingKey) === hex ? node : undefined
}

/** The policy with this id (32 bytes), revoked or not. */
export function findPolicy(state: LedgerState, policyId: Uint8Array): PolicyState | undefined {
  return state.policies.get(toHex(policyId))
}

/** Whether the node has named its keys. */
export function hasKeys(node: NodeState): node is KeyedNode {
  return node.keys !== undefined
}
