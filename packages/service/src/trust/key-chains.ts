import { ok, refuse, toHex, type Refusal, type Result } from "@keygrove/base"
import type { ClusterId } from "@keygrove/hierarchy"
import {
  emptyKeyChain,
  findNodeByKey,
  MAX_SLICE_ENTRIES,
  trustIn,
  type ClusterState,
  type KeyedNode,
  type LedgerHead,
  type LedgerState,
  type TrustState,
} from "@keygrove/ledger"
import { decodeChainRequest, encodeChainAnswer, type ChainAnswer } from "@keygrove/peering"
import type { NodeContext } from "../node-context.ts"
import type { CallOptions } from "../ports/call-options.ts"
import type { StorageChange, StorageRefusal } from "../ports/storage.ts"
import type { InboundRequest, PeerAddress } from "../ports/transport.ts"
import { fetchKeyChain, type FetchedKeyChain, type FetchRefusal } from "./fetch-key-chain.ts"
import {
  keyChainChanges,
  loadKeyChains,
  readKeyChain,
  removeKeyChain,
  type KeyChainCopy,
  type LoadedKeyChains,
} from "./key-chain-records.ts"
import { OwnKeyChainReader } from "./own-key-chain.ts"

/** What the exchange of key chains works with. */
export type KeyChainContext = Pick<NodeContext, "primitives" | "keystore" | "replica" | "storage" | "transport">

/** A cluster as far as this node knows who its nodes are. */
export interface KnownCluster {
  readonly members: ClusterState
  /** How far its key chain is known. */
  readonly head: LedgerHead
  /** Where its nodes stand: this node's ledger, or the copy of its key chain. */
  readonly state: LedgerState
}

/** A node that this one knows by its signing key. */
export interface KnownNode {
  readonly node: KeyedNode
  /** `own`: of this cluster. `stale`: the cluster's root stepped down after people had met. */
  readonly relation: "own" | "trusted" | "stale"
}

/** Changes of one write. */
const MAX_REMOVED_AT_ONCE = 256

/**
 * The key chains that this node knows: its own cluster's, which its ledger holds, and copies of those of clusters it trusts. Gives them to nodes that may have them
 * (protocol `chain`): its own nodes get all, a trusted cluster's get this cluster's.
 */
export class KeyChains implements Disposable {
  readonly own: OwnKeyChainReader
  /** Clusters whose copy on the disk did not hold; it is fetched again, and what was seen before is not known any more. */
  readonly broken: readonly ClusterId[]
  readonly #context: KeyChainContext
  readonly #copies: Map<ClusterId, KeyChainCopy>
  readonly #serving: Disposable
  /** Nodes that this one introduces itself to, in hex. */
  readonly #asked: Set<string> = new Set()
  /** One copy is extended at a time. */
  #turn: Promise<unknown> = Promise.resolve()

  private constructor(context: KeyChainContext, { broken, copies }: LoadedKeyChains) {
    this.broken = broken
    this.#context = context
    this.own = new OwnKeyChainReader(context)
    this.#copies = new Map(copies.map((copy) => [copy.chain.cluster, copy]))
    this.#serving = context.transport.serve("chain", async (request, options) => encodeChainAnswer(await this.#answer(request, options)))
  }

  /** Reads and verifies the copies on the disk, and serves protocol `chain` until disposed of. */
  static async open(context: KeyChainContext, options: CallOptions): Promise<Result<KeyChains, StorageRefusal>> {
    const loaded = await loadKeyChains(context.storage, context.primitives, options)
    return loaded.ok ? ok(new KeyChains(context, loaded.value)) : loaded
  }

  [Symbol.dispose](): void {
    this.#serving[Symbol.dispose]()
  }

  /** What is known of a cluster's nodes: the longer of what the ledger has and the copy. What somebody else put on a ledger may be old, and so may a copy. */
  cluster(cluster: ClusterId): KnownCluster | undefined {
    const { replica } = this.#context
    const listed = replica.keyChain(cluster)
    const members = replica.state.clusters.get(cluster)
    const copy = this.#copies.get(cluster)
    if (copy !== undefined && copy.chain.head.length >= (listed?.head.length ?? 0))
      return { members: copy.chain.members, head: copy.chain.head, state: copy.chain.state }
    return listed === undefined || members === undefined ? undefined : { members, head: listed.head, state: replica.state }
  }

  /** The node whose current signing key this is, when it is of this cluster or of one that it trusts. */
  find(signingKey: Uint8Array): KnownNode | undefined {
    const { keystore, replica } = this.#context
    const { cluster: own } = keystore.identity()
    const listed = findNodeByKey(replica.state, signingKey)
    if (listed?.cluster === own) return { node: listed, relation: "own" }
    for (const { cluster } of this.trusted()) {
      const known = this.cluster(cluster)
      const node = known === undefined ? undefined : findNodeByKey(known.state, signingKey)
      if (known === undefined || node?.cluster !== cluster) continue
      return { node, relation: known.members.replacedBy === undefined ? "trusted" : "stale" }
    }
    return undefined
  }

  /** Whether a node on another ledger is answered as one of a trusted cluster, or because this node introduces itself to it. What admits connections asks this. */
  isAnswered(signingKey: Uint8Array): boolean {
    return this.#asked.has(toHex(signingKey)) || this.find(signingKey)?.relation === "trusted"
  }

  /** Gives a node this cluster's key chain, whoever it is, until the result is disposed of: this node was told on its own ledger to ask it, and is not known to it yet. */
  answering(signingKey: Uint8Array): Disposable {
    const key = toHex(signingKey)
    this.#asked.add(key)
    return { [Symbol.dispose]: () => void this.#asked.delete(key) }
  }

  /** What this cluster trusts now, in the order in which it began to. */
  trusted(): readonly TrustState[] {
    const { keystore, replica } = this.#context
    const standing = [...(replica.state.clusters.get(keystore.identity().cluster)?.trusted.values() ?? [])]
    return standing.filter(({ removedAt }) => removedAt === undefined).toSorted((a, b) => a.at - b.at)
  }

  /** The copies of clusters that are not trusted, or not any more. */
  strays(): readonly ClusterId[] {
    const { keystore, replica } = this.#context
    const own = keystore.identity().cluster
    return [...this.#copies.keys()].filter((cluster) => (trustIn(replica.state, own, cluster)?.standing ?? "removed") === "removed")
  }

  /** Whether there is a copy, and not the ledger's word alone. */
  hasCopy(cluster: ClusterId): boolean {
    return this.#copies.has(cluster)
  }

  /** Asks a peer for what is new of a trusted cluster's key chain and keeps it; refuses what {@link fetchKeyChain} does. Resolves with how many entries are known then. */
  async refresh(
    { anchorKey, cluster }: Pick<TrustState, "anchorKey" | "cluster">,
    peer: PeerAddress,
    options: CallOptions,
  ): Promise<Result<number, FetchRefusal | StorageRefusal>> {
    const known = this.#copies.get(cluster)
    const base = known?.chain ?? emptyKeyChain(this.#context.primitives, anchorKey)
    // Out of turn: a node that takes its time holds nobody up.
    const fetched = await fetchKeyChain(this.#context, peer, base, options)
    if (!fetched.ok) return fetched
    return await this.#inTurn(async () => {
      const listed = this.#contradiction(fetched.value)
      if (listed !== undefined) return listed
      const { chain, fresh } = fetched.value
      const now = this.#copies.get(cluster)
      // Somebody else was faster; what this one brought is asked for again, if it is more.
      if (now !== known) return ok(now?.chain.head.length ?? 0)
      if (known !== undefined && fresh.length === 0) return ok(chain.head.length)
      const kept = keyChainChanges(known, fresh, fetched.value)
      const written = await this.#context.storage.write(kept.changes, options)
      if (!written.ok) return written
      this.#copies.set(cluster, kept.copy)
      return ok(chain.head.length)
    })
  }

  /**
   * Keeps a chain that was verified in a meeting, together with other changes: all are durable, or none. It has to continue what is known, as meetings check; one that
   * another meeting or a refresh was faster with is left as it is.
   */
  async adopt(met: FetchedKeyChain, changes: readonly StorageChange[], options: CallOptions): Promise<Result<true, StorageRefusal>> {
    return await this.#inTurn(async () => {
      const known = this.#copies.get(met.chain.cluster)
      const seen = known?.chain.head.length ?? 0
      const isNew = met.chain.head.length > seen
      const kept = isNew ? keyChainChanges(known, met.fresh.slice(seen), met) : undefined
      const written = await this.#context.storage.write([...(kept?.changes ?? []), ...changes], options)
      if (written.ok && kept !== undefined) this.#copies.set(met.chain.cluster, kept.copy)
      return written
    })
  }

  /** Forgets the copy of a cluster that is not trusted any more. */
  async forget(cluster: ClusterId, options: CallOptions): Promise<Result<true, StorageRefusal>> {
    return await this.#inTurn(async () => {
      const copy = this.#copies.get(cluster)
      if (copy === undefined) return ok(true)
      const changes = removeKeyChain(copy)
      for (let from = 0; from < changes.length; from += MAX_REMOVED_AT_ONCE) {
        const written = await this.#context.storage.write(changes.slice(from, from + MAX_REMOVED_AT_ONCE), options)
        if (!written.ok) return written
        this.#copies.delete(cluster)
      }
      return ok(true)
    })
  }

  /** A copy must not be another history than the ledger's, as far as both go. */
  #contradiction({ chain }: FetchedKeyChain): Refusal<"KEY_CHAIN_FORKED"> | undefined {
    const listed = this.#context.replica.keyChain(chain.cluster)?.head
    if (listed === undefined || listed.length !== chain.head.length || listed.hash.every((byte, index) => byte === chain.head.hash[index]))
      return undefined
    return refuse("KEY_CHAIN_FORKED", `the ledger has other entries of cluster ${chain.cluster.slice(0, 16)} than the node that was asked`)
  }

  async #answer({ body, from }: InboundRequest, options: CallOptions): Promise<ChainAnswer> {
    const request = decodeChainRequest(body)
    const answer = request.ok ? await this.#slice(request.value, from, options) : request
    if (answer.ok) return answer.value
    const isOfPeers = answer.code === "CHAIN_MESSAGE_INVALID" || answer.code === "CHAIN_NOT_SERVED"
    return {
      kind: "refused",
      code: isOfPeers ? answer.code : "CHAIN_NOT_SERVED",
      message: isOfPeers ? answer.message : "not at the moment",
    }
  }

  async #slice(
    { cluster, from }: { readonly cluster: ClusterId; readonly from: number },
    caller: Uint8Array,
    options: CallOptions,
  ): Promise<Result<ChainAnswer & { readonly kind: "slice" }>> {
    const asking = this.find(caller)
    const isOwn = cluster === this.#context.keystore.identity().cluster
    if (isOwn ? asking === undefined && !this.isAnswered(caller) : asking?.relation !== "own")
      return refuse("CHAIN_NOT_SERVED", `the key chain of cluster ${cluster.slice(0, 16)} is not given to a node that is not known here`)
    if (isOwn) {
      const own = await this.own.head(options)
      if (!own.ok) return own
      const entries = await this.own.entries(from, Math.min(MAX_SLICE_ENTRIES, Math.max(0, own.value.length - from)), options)
      return entries.ok ? ok({ kind: "slice", from, entries: entries.value, head: own.value.head }) : entries
    }
    const copy = this.#copies.get(cluster)
    if (copy === undefined) return refuse("CHAIN_NOT_SERVED", `the key chain of cluster ${cluster.slice(0, 16)} is not known here`)
    const entries = await readKeyChain(this.#context.storage, copy, { from, limit: MAX_SLICE_ENTRIES }, options)
    return entries.ok ? ok({ kind: "slice", from, entries: entries.value, head: copy.head }) : entries
  }

  async #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const mine = this.#turn.then(work, work)
    this.#turn = mine.catch(() => undefined)
    return await mine
  }
}
