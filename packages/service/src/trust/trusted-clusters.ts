import { ok, refuse, type Result } from "@keygrove/base"
import type { ClusterId, Timestamp } from "@keygrove/hierarchy"
import { hasKeys, trustIn, type KeyedNode, type LedgerHead, type TrustState } from "@keygrove/ledger"
import type { NodeContext } from "../node-context.ts"
import type { CallOptions } from "../ports/call-options.ts"
import { statementSigner } from "../sharing/statement-signer.ts"
import type { KeyChains } from "./key-chains.ts"
import type { TrustBook } from "./trust-book.ts"

/** What a person is told of a cluster that theirs trusts. */
export interface TrustedCluster {
  readonly trust: TrustState
  readonly nickname?: string
  readonly lastSeen?: Timestamp
  /** `stale`: its root stepped down. `unverified`: its key chain has not come yet. */
  readonly state: "current" | "stale" | "unverified"
  readonly nodes: number
  readonly keyChain?: LedgerHead
}

/** Fewest digits of a cluster's id that are taken for it. */
const MIN_CLUSTER_DIGITS = 8

interface TrustSources {
  readonly context: Pick<NodeContext, "keystore" | "replica">
  readonly keyChains: KeyChains
  readonly book: TrustBook
}

/** The clusters that this one trusts, as its person sees them. */
export class TrustedClusters {
  readonly #sources: TrustSources

  constructor(sources: TrustSources) {
    this.#sources = sources
  }

  /** All of them, in the order in which they were trusted. */
  list(): readonly TrustedCluster[] {
    return this.#sources.keyChains.trusted().map((trust) => this.#describe(trust))
  }

  /** A trusted cluster by its nickname, its id, or the first digits of that. */
  resolve(text: string): Result<TrustState, "CLUSTER_NOT_TRUSTED" | "CLUSTER_AMBIGUOUS"> {
    const { book, keyChains } = this.#sources
    const named = book.named(text.trim())
    const trusted = keyChains.trusted()
    const digits = text.trim().toLowerCase()
    const isId = /^[0-9a-f]+$/.test(digits) && digits.length >= MIN_CLUSTER_DIGITS
    const found = trusted.filter(({ cluster }) => cluster === named || (named === undefined && isId && cluster.startsWith(digits)))
    const [only, another] = found
    if (only === undefined) return refuse("CLUSTER_NOT_TRUSTED", "this cluster trusts none of that name or id; see `keygrove trust list`")
    if (another === undefined) return ok(only)
    return refuse("CLUSTER_AMBIGUOUS", `${found.length} trusted clusters begin with ${digits.slice(0, 64)}; give more digits`)
  }

  /** The node that `NICKNAME` or `NICKNAME/path` means: without a path, the only one that its cluster has. */
  resolveNode(text: string): Result<KeyedNode, "CLUSTER_NOT_TRUSTED" | "CLUSTER_AMBIGUOUS" | "NODE_UNKNOWN"> {
    const cut = text.indexOf("/")
    const trust = this.resolve(cut === -1 ? text : text.slice(0, cut))
    if (!trust.ok) return trust
    const known = this.#sources.keyChains.cluster(trust.value.cluster)
    const nodes = [...(known?.members.nodes.values() ?? [])].filter(hasKeys)
    const chosen = cut === -1 ? nodes : nodes.filter(({ path }) => path === text.slice(cut))
    const [only] = chosen
    if (known?.members.replacedBy === undefined && only !== undefined && chosen.length === 1) return ok(only)
    if (known?.members.replacedBy !== undefined)
      return refuse("NODE_UNKNOWN", "that cluster's root stepped down; meet again before you grant to it")
    const names = nodes.map(({ path }) => path).slice(0, 8)
    return refuse(
      "NODE_UNKNOWN",
      `name one node of that cluster, as NICKNAME/PATH; it has ${names.length === 0 ? "none that is known here" : names.join(" ")}`,
    )
  }

  /** Gives a trusted cluster another nickname, on this node. */
  async rename(text: string, nickname: string, options: CallOptions): Promise<Result<TrustedCluster>> {
    const trust = this.resolve(text)
    if (!trust.ok) return trust
    const { book } = this.#sources
    const allowed = book.mayName(trust.value.cluster, nickname)
    if (!allowed.ok) return allowed
    const named = await book.name(trust.value.cluster, allowed.value, options)
    return named.ok ? ok(this.#describe(trust.value)) : named
  }

  /** Ends the trust in a cluster on the ledger; what is kept of it here is forgotten in the background. Resolves with the cluster's id. */
  async remove(text: string, options: CallOptions): Promise<Result<ClusterId>> {
    const trust = this.resolve(text)
    if (!trust.ok) return trust
    const { keystore, replica } = this.#sources.context
    const { cluster, revision } = trust.value
    const statement = { kind: "trust-removed", body: { cluster, revision: revision + 1 } } as const
    const removed = await replica.append([statement], statementSigner(keystore), options)
    if (removed.ok || trustIn(replica.state, keystore.identity().cluster, cluster)?.standing === "removed") return ok(cluster)
    return removed
  }

  #describe(trust: TrustState): TrustedCluster {
    const { book, keyChains } = this.#sources
    const known = keyChains.cluster(trust.cluster)
    const nodes = [...(known?.members.nodes.values() ?? [])].filter(hasKeys)
    return {
      trust,
      ...book.note(trust.cluster),
      state: known === undefined ? "unverified" : known.members.replacedBy === undefined ? "current" : "stale",
      nodes: nodes.length,
      ...(known === undefined ? {} : { keyChain: known.head }),
    }
  }
}
