import { checkShape, equalBytes, HexMap, ok, refuse, toHex, type CborValue, type Refusal, type Result } from "@keygrove/base"
import { ROOT_PATH, type ClusterId } from "@keygrove/hierarchy"
import { advanceIndex, emptyHead, type LedgerHead, type LedgerIndex } from "../head.ts"
import { MAX_CLUSTER_NODES, MAX_CLUSTERS, MAX_LIVE_POLICIES, MAX_TRUSTED_CLUSTERS } from "../limits.ts"
import { withoutReader, withReader } from "../readers.ts"
import { hasKeys, type ClusterState, type LedgerState, type NodeState, type PolicyState } from "../state.ts"
import { custodyFrom } from "./custody-records.ts"
import { recordShapes, type SectionName } from "./sections.ts"
import type { LedgerSnapshot } from "./snapshot.ts"
import { orderOf, takers } from "./take-record.ts"

/** A fold that is being put together. */
export interface Draft {
  readonly head: LedgerHead
  readonly clusters: Map<ClusterId, ClusterState>
  policies: LedgerState["policies"]
  readers: LedgerState["readers"]
  signingKeys: LedgerState["signingKeys"]
  anchorKeys: LedgerState["anchorKeys"]
  bootKeys: LedgerState["bootKeys"]
  /** Parts of the encoded custody of each cluster. */
  readonly custody: Map<ClusterId, readonly Uint8Array[]>
  readonly keyChains: Map<ClusterId, { readonly hash: Uint8Array; readonly indexes: LedgerIndex[] }>
}

/** Puts a fold together from the records of a snapshot, in their order. */
export class SnapshotBuilder {
  readonly #draft: Draft
  readonly #named: Pick<LedgerState, "origin" | "unknownKinds">
  #section: SectionName | undefined
  /** What the last record of the section is sorted by. */
  #last = ""

  constructor({ head, ...named }: { readonly head: LedgerHead } & Pick<LedgerState, "origin" | "unknownKinds">) {
    this.#named = named
    const keys = { signingKeys: HexMap.empty<never>(), anchorKeys: HexMap.empty<never>(), bootKeys: HexMap.empty<never>() }
    const sharing = { policies: HexMap.empty<PolicyState>(), readers: HexMap.empty<never>() }
    this.#draft = { head, clusters: new Map(), custody: new Map(), keyChains: new Map(), ...sharing, ...keys }
  }

  /** Takes the next record of a section. */
  take<Name extends SectionName>(section: Name, record: CborValue): Result<true, "SNAPSHOT_INVALID"> {
    const checked = checkShape(record, { shape: recordShapes[section], code: "SNAPSHOT_INVALID", noun: `snapshot: ${section}` })
    if (!checked.ok) return checked
    const order = orderOf[section](checked.value)
    if (this.#section === section && order <= this.#last) return invalid(section, "records are not in order")
    this.#section = section
    this.#last = order
    const problem = takers[section](this.#draft, checked.value)
    return problem === undefined ? ok(true) : invalid(section, problem)
  }

  /** The fold, when its parts fit together. */
  finish(): Result<LedgerSnapshot, "SNAPSHOT_INVALID"> {
    const { clusters, custody, head, keyChains, ...keys } = this.#draft
    settlePolicies(this.#draft)
    for (const cluster of clusters.values()) {
      const problem = objectionTo(this.#draft, cluster)
      if (problem !== undefined) return invalid("clusters", problem)
    }
    for (const [id, parts] of custody) {
      const cluster = clusters.get(id)
      if (cluster === undefined) return invalid("custody", "there is no such cluster")
      const kept = custodyFrom(this.#draft, cluster, parts)
      if (!kept.ok) return invalid("custody", kept.message)
      clusters.set(id, { ...cluster, custody: kept.value })
    }
    let all: LedgerState["clusters"] = HexMap.empty()
    for (const [id, cluster] of clusters) all = all.set(id, cluster)
    const chains = [...keyChains].map(([id, { hash, indexes }]) => {
      return [id, { head: { length: advanceIndex(emptyHead().length, indexes.length), hash }, indexes }] as const
    })
    const { policies, readers } = this.#draft
    return ok({ head, state: { ...this.#named, ...keys, policies, readers, clusters: all }, keyChains: new Map(chains) })
  }
}

/** What follows from the policies alone: which of them stand, who reads by them, and which continue which, in the order of the ledger. */
function settlePolicies(draft: Draft): void {
  const inOrder = [...draft.policies.values()].toSorted((a, b) => a.grantedAt - b.grantedAt)
  for (const policy of inOrder) {
    const { grant, grantedAt, owner, revokedAt } = policy
    draft.readers = withReader(draft.readers, policy)
    if (revokedAt !== undefined) draft.readers = withoutReader(draft.readers, policy, revokedAt)
    const id = toHex(grant.policyId)
    const cluster = draft.clusters.get(owner.cluster)
    if (revokedAt === undefined && cluster !== undefined)
      draft.clusters.set(owner.cluster, { ...cluster, livePolicies: cluster.livePolicies.set(grantedAt, id) })
    const continued = grant.continues === undefined ? undefined : toHex(grant.continues)
    const first = continued === undefined ? undefined : draft.policies.get(continued)
    if (continued !== undefined && first !== undefined)
      draft.policies = draft.policies.set(continued, { ...first, continuedBy: [...(first.continuedBy ?? []), id] })
  }
}

function objectionTo(draft: Draft, cluster: ClusterState): string | undefined {
  const { id, livePolicies, nodes, trustCount } = cluster
  if (draft.clusters.size > MAX_CLUSTERS || nodes.size > MAX_CLUSTER_NODES) return "there are more clusters or nodes than a ledger has"
  if (livePolicies.size > MAX_LIVE_POLICIES || trustCount > MAX_TRUSTED_CLUSTERS)
    return "there are more policies or trusted clusters than one has"
  if (!nodes.has(ROOT_PATH)) return "a cluster has no root"
  for (const node of nodes.values()) if (!isRegistered(draft, node)) return "a node's keys are not among those that were used"
  const chain = draft.keyChains.get(id)
  if (chain === undefined || chain.indexes[0] !== cluster.announcedAt)
    return "the key chain of a cluster does not begin where it was announced"
  return undefined
}

function isRegistered(draft: Draft, node: NodeState): boolean {
  const { anchorKey, cluster, path } = node
  const anchor = draft.anchorKeys.get(toHex(anchorKey))
  if (anchor?.cluster !== cluster || anchor.path !== path) return false
  if (!hasKeys(node)) return anchor.lastKey === undefined
  const { epoch, signingKey } = node.keys
  const holder = draft.signingKeys.get(toHex(signingKey))
  const isOwn = holder?.cluster === cluster && holder.path === path && holder.epoch === epoch && equalBytes(holder.anchorKey, anchorKey)
  return isOwn && anchor.lastKey !== undefined && equalBytes(anchor.lastKey, signingKey)
}

function invalid(section: SectionName, why: string): Refusal<"SNAPSHOT_INVALID"> {
  return refuse("SNAPSHOT_INVALID", `the snapshot of the ledger is damaged: ${section}: ${why}`)
}
