import { equalBytes, HexMap, toHex, type OrderedMap } from "@keygrove/base"
import type {
  ClusterId,
  Epoch,
  EpochKeys,
  Generation,
  NodePath,
  NodeReference,
  RevocationReason,
  RootReplacement,
  TrustContact,
} from "@keygrove/hierarchy"
import { emptyCustody, type CustodyMember, type CustodyState } from "@keygrove/pieces"
import type { PolicyGrant, ProxyTerms } from "@keygrove/reencryption"
import type { LedgerIndex } from "./head.ts"
import type { ReaderStanding } from "./readers.ts"

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
  /** The epoch that an ancestor ordered; owed while {@link keys} are of an earlier one. */
  readonly orderedEpoch?: Epoch
  readonly terms?: ProxyTerms
}

/** A node that has keys. */
export type KeyedNode = NodeState & { readonly keys: EpochKeys }

/** A node that was and is not any more; a later generation may stand at its path again. */
export interface RemovedNode extends NodeReference {
  /** The highest generation that the path ever had: another certificate has to be above it. */
  readonly generation: Generation
  /** `replaced` when an ancestor got a new generation, otherwise what the revocation of the node or of an ancestor said. */
  readonly reason: RevocationReason | "replaced"
  readonly at: LedgerIndex
}

/** What a cluster thinks of another. */
export interface TrustState {
  readonly cluster: ClusterId
  /** The other root's anchor, 32 bytes. */
  readonly anchorKey: Uint8Array
  readonly revision: number
  /** Where a node of it was when they met. */
  readonly contact?: TrustContact
  /** The node that said so, and where. */
  readonly by: NodePath
  readonly at: LedgerIndex
  /** Where it ended; absent while it stands. */
  readonly removedAt?: LedgerIndex
}

export interface ClusterState {
  readonly id: ClusterId
  readonly announcedAt: LedgerIndex
  /** By path; the root is the node `/`. */
  readonly nodes: OrderedMap<string, NodeState>
  /** By path, the last removal of each; also of paths that stand again. */
  readonly removed: OrderedMap<string, RemovedNode>
  /** Policies of its nodes that are not revoked: their ids in hex by where they were granted. */
  readonly livePolicies: OrderedMap<number, string>
  /** Other clusters that it trusts or trusted, by their ids. */
  readonly trusted: OrderedMap<string, TrustState>
  /** How many of {@link trusted} stand. */
  readonly trustCount: number
  /** Who keeps pieces of whose storage keys; absent before the first member, and after the root stepped down. */
  readonly custody?: CustodyState
  /** The root stepped down for this one; the cluster only removes from then on. */
  readonly replacedBy?: RootReplacement & { readonly at: LedgerIndex }
}

export interface PolicyState {
  readonly grant: PolicyGrant
  readonly owner: NodeReference
  /** The owner's signing key when it granted, 32 bytes. */
  readonly ownerSigningKey: Uint8Array
  readonly grantedAt: LedgerIndex
  /** Index of the revocation; absent while the policy stands. Expiry is judged by the reader's clock, not here. */
  readonly revokedAt?: LedgerIndex
  /** Ids in hex of the policies that continue this one, in the order of the ledger; absent where there are none. */
  readonly continuedBy?: readonly string[]
}

/** Who used a signing key, and since when; kept for ever, because a key never comes back. */
export interface KeyHolder extends NodeReference {
  readonly epoch: Epoch
  readonly since: LedgerIndex
  /** Of the generation that used it, 32 bytes. */
  readonly anchorKey: Uint8Array
}

/** Whose an anchor is or was, and the signing key that its generation named last, 32 bytes: also when that generation has ended. */
export interface AnchorHolder extends NodeReference {
  readonly lastKey?: Uint8Array
}

/** The fold over a ledger. Immutable: a reference to it is a snapshot. */
export interface LedgerState {
  /** By {@link ClusterId}. */
  readonly clusters: HexMap<ClusterState>
  /** By the hex of the policy id. */
  readonly policies: HexMap<PolicyState>
  /** By the hex of the signing key. */
  readonly signingKeys: HexMap<KeyHolder>
  /** Every anchor that was ever certified, by its hex, and whose it was: none comes back, for any node. */
  readonly anchorKeys: HexMap<AnchorHolder>
  /** Who reads by a policy that stands or stood. */
  readonly readers: HexMap<OrderedMap<ClusterId, ReaderStanding>>
  /** Every boot key that a node ever had, by its hex, and whose it is: no other node's, ever. */
  readonly bootKeys: HexMap<NodeReference>
  /** SHA-256 of the log's first encoded entry, 32 bytes; absent while the log is empty. */
  readonly origin?: Uint8Array
  /**
   * Kinds of entries that this version did not know, sorted, and {@link OTHER_KINDS} when there were too many to name; absent while there were none. Such entries are void; a version that knows
   * a kind must not go on from a state that left it out.
   */
  readonly unknownKinds?: readonly string[]
}

/** Stands in {@link LedgerState.unknownKinds} for those beyond the limit. No kind: those begin with a letter. */
export const OTHER_KINDS = "*"

/** The state of the empty ledger. */
export function emptyState(): LedgerState {
  return {
    clusters: HexMap.empty(),
    policies: HexMap.empty(),
    readers: HexMap.empty(),
    signingKeys: HexMap.empty(),
    anchorKeys: HexMap.empty(),
    bootKeys: HexMap.empty(),
  }
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

/**
 * The node that a signing key is of, or was of before it rekeyed; none when that generation of it has ended. What names a key, such as the reader of a policy, means the node behind it.
 */
export function findHolder(state: LedgerState, signingKey: Uint8Array): KeyedNode | undefined {
  const holder = state.signingKeys.get(toHex(signingKey))
  const node = holder === undefined ? undefined : findNode(state, holder)
  // A later generation at the path is certified after the key was named.
  return holder !== undefined && node !== undefined && hasKeys(node) && node.certifiedAt < holder.since ? node : undefined
}

/**
 * The signing key that a node had last in the generation that used this one, 32 bytes: its current key, or the one that it ended with. A rekey ends the keys before it also
 * for what is judged after the node is gone. `undefined` for a key that the ledger does not know.
 */
export function findLastKey(state: LedgerState, signingKey: Uint8Array): Uint8Array | undefined {
  const holder = state.signingKeys.get(toHex(signingKey))
  return holder === undefined ? undefined : state.anchorKeys.get(toHex(holder.anchorKey))?.lastKey
}

/**
 * All policies of the grant that a policy belongs to, the first one first: it gives a reader a label, by one policy for each key of the label. They are of one owner, under its root or those that its root stepped down for, and end together.
 */
export function policiesOfGrant(state: LedgerState, policy: PolicyState): readonly [PolicyState, ...PolicyState[]] {
  const first = findPolicy(state, policy.grant.continues ?? policy.grant.policyId) ?? policy
  return [first, ...(first.continuedBy ?? []).flatMap((id) => state.policies.get(id) ?? [])]
}

/** What a cluster thinks of another: whether its trust stands, and is stale because the other's root stepped down after the two had met. */
export function trustIn(
  state: LedgerState,
  own: ClusterId,
  other: ClusterId,
): { readonly trust: TrustState; readonly standing: "trusted" | "stale" | "removed" } | undefined {
  const trust = state.clusters.get(own)?.trusted.get(other)
  if (trust === undefined) return undefined
  if (trust.removedAt !== undefined) return { trust, standing: "removed" }
  return { trust, standing: state.clusters.get(other)?.replacedBy === undefined ? "trusted" : "stale" }
}

/** Whether an ancestor ordered a node to rekey and it has not done so yet. */
export function owesRekey({ keys, orderedEpoch }: NodeState): boolean {
  return orderedEpoch !== undefined && (keys?.epoch ?? 0) < orderedEpoch
}

/** The policy with this id (32 bytes), revoked or not. */
export function findPolicy(state: LedgerState, policyId: Uint8Array): PolicyState | undefined {
  return state.policies.get(toHex(policyId))
}

/** Who keeps pieces of whose storage keys in a cluster; nobody of nobody's when it is not known. */
export function custodyOf(state: LedgerState, cluster: ClusterId): CustodyState {
  return state.clusters.get(cluster)?.custody ?? emptyCustody()
}

/** Whose a boot key is or was. `member` when that node takes part now, and this is the key that it has now. */
export function findBootKey(
  state: LedgerState,
  bootSigningKey: Uint8Array,
): { readonly node: NodeReference; readonly member?: CustodyMember } | undefined {
  const node = state.bootKeys.get(toHex(bootSigningKey))
  if (node === undefined) return undefined
  const member = custodyOf(state, node.cluster).members.get(node.path)
  return member !== undefined && equalBytes(member.bootSigningKey, bootSigningKey) ? { node, member } : { node }
}

/** Whether the node has named its keys. */
export function hasKeys(node: NodeState): node is KeyedNode {
  return node.keys !== undefined
}
