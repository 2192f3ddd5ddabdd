import { refuse, toHex, unwrap, type Result } from "@keygrove/base"
import type { ClusterId } from "@keygrove/hierarchy"
import {
  advanceIndex,
  decodeLedgerIndex,
  findBootKey,
  readerStandings,
  succeeds,
  trustIn,
  type LedgerIndex,
  type LedgerState,
} from "@keygrove/ledger"
import { standingOfKey, takeToken, type Rate, type TokenBucket } from "@keygrove/peering"
import { refreshReplica } from "../ledger/refresh-replica.ts"
import type { LedgerReplica } from "../ledger/replica.ts"
import type { CallOptions } from "../ports/call-options.ts"
import type { Clock } from "../ports/clock.ts"
import type {
  InboundRequest,
  MoveRefusal,
  PeerAddress,
  ProtocolName,
  RequestHandler,
  RequestRefusal,
  Transport,
  TransportIdentity,
} from "../ports/transport.ts"
import { LearnedTimes } from "./learned-times.ts"

/** Which clusters' nodes are answered: of all on the ledger that this node follows, or of its own and of those that it trusts. */
export type AdmittedPeers = "ledger" | "trusted"

export interface PeerGuardOptions {
  /** Owned by the guard from here on. */
  readonly transport: Transport
  readonly replica: LedgerReplica
  readonly clock: Clock
  readonly own: ClusterId
  /** The clusters that this node itself was of, before their roots were replaced; see {@link isAdmittedCluster}. */
  readonly predecessors: readonly ClusterId[]
  readonly peers: AdmittedPeers
}

/**
 * Whom a protocol answers beside nodes. A node that has ended may find out from the ledger, and nothing more; so may a reader whose last policy was revoked. One that is locked, and goes by the boot key of a member, may read the
 * ledger and ask for its pieces. A reader that is no node, such as a locked one by its boot key, may read the ledger and ask proxies, as long as a policy for it stands; what they give it is for them to judge.
 */
const ANSWERS: Readonly<
  Record<ProtocolName, "nodes" | "nodes, and who may read" | "nodes, and locked members" | "nodes, and readers" | "anyone">
> = {
  ledger: "nodes, and who may read",
  proxy: "nodes, and readers",
  chain: "nodes",
  join: "anyone",
  meet: "anyone",
  move: "nodes",
  pieces: "nodes, and locked members",
}

/** How long after its node rekeyed a key is still answered: what was sent before may still be under way, and its lines last 60 s. */
export const LATE_KEY_MS = 120_000
/** How long after its end the lines of a node end. */
export const LINE_END_MS = 1_000
/** How often strangers can make a node ask the ledger for news. */
const NEWS_RATE: Rate = { burst: 8, perSecond: 1 }
/** Nodes that ended before they were known; beyond it the one that was told first asks again. */
const MAX_NEVER_KNOWN = 1_024
/** Callers that are remembered as admitted; beyond it those that are not connected are forgotten at once. */
const MAX_ADMITTED = 4_096

/** How far a locked node may read: everything. */
export const WHOLE_LEDGER: LedgerIndex = unwrap(decodeLedgerIndex(Number.MAX_SAFE_INTEGER))

/** What a key may do. */
type Admission =
  | { readonly kind: "admitted" }
  /** No node's: the boot key of a member of a cluster whose nodes are answered, or the key of a reader of such a cluster, or both. */
  | { readonly kind: "locked"; readonly isMember: boolean; readonly isReader: boolean }
  | { readonly kind: "ended"; readonly endedAt: LedgerIndex }
  | { readonly kind: "unknown" }

/**
 * A transport that answers nodes only: every request but those of protocols `join` and `meet` is judged by what the ledger says of the caller's key, at the moment when it
 * comes. The lines of a node that is removed while it is connected end, and those under a boot key that is no member's any more. What this node asks goes to the key that it names, also over lines that others opened: that is
 * the transport's promise and needs no guard.
 */
export class PeerGuard implements Transport {
  readonly #options: PeerGuardOptions
  readonly #stop = new AbortController()
  readonly #watching: Promise<void>
  /** Keys of callers that were admitted, in hex, as far as they are connected. */
  readonly #admitted: Map<string, Uint8Array> = new Map()
  /** A restart must not make old keys good again: only what came while this node ran is recent. */
  readonly #learned: LearnedTimes
  /** When nodes ended that never were on the ledger with keys, by the keys that they would have had, in hex. */
  readonly #neverKnown: Map<string, LedgerIndex> = new Map()
  #alsoKnows: (signingKey: Uint8Array) => boolean = () => false
  #news: Promise<boolean> | undefined
  #newsLeft: TokenBucket | undefined

  constructor(options: PeerGuardOptions) {
    this.#options = options
    this.#learned = new LearnedTimes(options.replica.head.length, LATE_KEY_MS)
    this.#watching = this.#watch()
  }

  /** Names who else is a node of a trusted cluster: by key chains that are not on this ledger. */
  alsoKnow(isKnown: (signingKey: Uint8Array) => boolean): void {
    this.#alsoKnows = isKnown
  }

  /** A caller has proved that it is a node that was certified, and ended before it named its keys: it may read of that. */
  letRead(signingKey: Uint8Array, endedAt: LedgerIndex): void {
    const [oldest] = this.#neverKnown.keys()
    if (oldest !== undefined && this.#neverKnown.size >= MAX_NEVER_KNOWN) this.#neverKnown.delete(oldest)
    this.#neverKnown.set(toHex(signingKey), endedAt)
  }

  addresses(): readonly string[] {
    return this.#options.transport.addresses()
  }

  peers(): readonly Uint8Array[] {
    return this.#options.transport.peers()
  }

  async request(
    peer: PeerAddress,
    protocol: ProtocolName,
    body: Uint8Array,
    options: CallOptions,
  ): Promise<Result<Uint8Array, RequestRefusal>> {
    return await this.#options.transport.request(peer, protocol, body, options)
  }

  serve(protocol: ProtocolName, handler: RequestHandler): Disposable {
    const answers = ANSWERS[protocol]
    const guarded: RequestHandler = async (request, options) => {
      const admission = await this.#admit(request, options)
      if (admission.kind === "admitted") return await handler(request, options)
      if (admission.kind === "locked" && admission.isMember && answers === "nodes, and locked members")
        return await handler(request, options)
      if (admission.kind === "locked" && admission.isReader && answers === "nodes, and readers") return await handler(request, options)
      if (admission.kind === "ended" && answers !== "nodes, and who may read") return refuse("PEER_REMOVED", "the caller's key has ended")
      if (admission.kind === "unknown" || answers !== "nodes, and who may read")
        return refuse("PEER_UNKNOWN", "the caller is no node that is answered here")
      const readsTo = admission.kind === "locked" ? WHOLE_LEDGER : advanceIndex(admission.endedAt, 1)
      return await handler({ ...request, readsTo }, options)
    }
    return this.#options.transport.serve(protocol, answers === "anyone" ? handler : guarded)
  }

  disconnect(signingKey: Uint8Array): void {
    this.#options.transport.disconnect(signingKey)
  }

  async move(identity: TransportIdentity, options: CallOptions): Promise<Result<true, MoveRefusal>> {
    return await this.#options.transport.move(identity, options)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort()
    await this.#watching
    await this.#options.transport[Symbol.asyncDispose]()
  }

  /** The verdict on a caller; a stranger is judged once more after the ledger was asked for news. */
  async #admit({ from }: InboundRequest, options: CallOptions): Promise<Admission> {
    const first = this.#judge(from)
    const admission = first.kind === "unknown" && (await this.#askForNews(options)) ? this.#judge(from) : first
    if (!hasLines(admission)) return admission
    this.#admitted.set(toHex(from), Uint8Array.from(from))
    if (this.#admitted.size > MAX_ADMITTED) this.#endLines()
    return admission
  }

  /** A few look-ups: cheaper than remembering verdicts, of which strangers could ask for any number. */
  #judge(signingKey: Uint8Array): Admission {
    const { clock, replica } = this.#options
    const standing = standingOfKey(replica.state, signingKey)
    switch (standing.kind) {
      case "unknown":
        return this.#judgeStranger(signingKey)
      case "ended":
        return this.#counts(replica.state, standing.cluster) ? standing : { kind: "unknown" }
      case "current":
        return this.#counts(replica.state, standing.node.cluster) ? { kind: "admitted" } : this.#judgeStranger(signingKey)
      case "before": {
        if (!this.#counts(replica.state, standing.node.cluster)) return { kind: "unknown" }
        if (this.#learned.isRecent(standing.endedAt, clock.now())) return { kind: "admitted" }
        return { kind: "ended", endedAt: standing.endedAt }
      }
    }
  }

  /** The verdict on a key of which this ledger says nothing that counts. */
  #judgeStranger(signingKey: Uint8Array): Admission {
    if (this.#alsoKnows(signingKey)) return { kind: "admitted" }
    const { state } = this.#options.replica
    const boot = findBootKey(state, signingKey)
    const isMember = boot?.member !== undefined && this.#counts(state, boot.node.cluster)
    const readable = [...readerStandings(state, signingKey)].filter(([cluster]) => this.#counts(state, cluster))
    const isReader = readable.some(([, { standing }]) => standing > 0)
    if (isMember || isReader) return { kind: "locked", isMember, isReader }
    const ends = [this.#neverKnown.get(toHex(signingKey)), ...readable.map(([, { endedAt }]) => endedAt)]
    const endedAt = ends.filter((at) => at !== undefined).toSorted((a, b) => b - a)[0]
    return endedAt === undefined ? { kind: "unknown" } : { kind: "ended", endedAt }
  }

  #counts(state: LedgerState, cluster: ClusterId): boolean {
    return isAdmittedCluster(state, cluster, this.#options)
  }

  async #askForNews(options: CallOptions): Promise<boolean> {
    const { clock, replica } = this.#options
    if (this.#news === undefined) {
      const { bucket, taken } = takeToken(this.#newsLeft, NEWS_RATE, clock.now())
      this.#newsLeft = bucket
      if (!taken) return false
      // Of the guard's own lifetime: whoever asked first may hang up without harm to the others.
      this.#news = refreshReplica({ replica }, { signal: this.#stop.signal })
        .catch(() => false)
        .finally(() => {
          this.#news = undefined
        })
    }
    const told = await this.#news
    options.signal.throwIfAborted()
    return told
  }

  async #watch(): Promise<void> {
    for await (const { head } of this.#options.replica.changes({ signal: this.#stop.signal })) {
      this.#learned.note(head.length, this.#options.clock.now())
      this.#endLines()
    }
  }

  /** Ends the lines of callers that are nodes no more; who is not connected any more is forgotten. */
  #endLines(): void {
    const connected = new Set(this.peers().map(toHex))
    for (const [hex, key] of this.#admitted) {
      const isGone = !hasLines(this.#judge(key))
      if (isGone || !connected.has(hex)) this.#admitted.delete(hex)
      if (isGone) void this.#endLine(key)
    }
  }

  /** Not at once: what was asked before is answered, and the node reads of its end. What it asks from now on is judged anew. */
  async #endLine(key: Uint8Array): Promise<void> {
    try {
      await this.#options.clock.sleep(LINE_END_MS, { signal: this.#stop.signal })
    } catch {
      // The guard is disposed of, and all lines end.
      return
    }
    if (!hasLines(this.#judge(key))) this.disconnect(key)
  }
}

/**
 * Whether nodes of a cluster are answered. Those below a root that was replaced and those below the one that came after it answer each other: they move one by one. Which clusters come
 * after this one only its root could say; which it comes after, any root could claim, so there the keystore's word counts and not the ledger's.
 */
export function isAdmittedCluster(
  state: LedgerState,
  cluster: ClusterId,
  { own, peers, predecessors }: Pick<PeerGuardOptions, "own" | "peers" | "predecessors">,
): boolean {
  const isFamily = cluster === own || predecessors.includes(cluster) || succeeds(state, cluster, own)
  return peers === "ledger" || isFamily || trustIn(state, own, cluster)?.standing === "trusted"
}

/** Whether the lines of a caller stay. */
function hasLines({ kind }: Admission): boolean {
  return kind === "admitted" || kind === "locked"
}
