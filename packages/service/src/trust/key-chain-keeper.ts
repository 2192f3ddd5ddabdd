import { equalBytes, refuse, toHex, type Refusal, type Result } from "@keygrove/base"
import type { ClusterId } from "@keygrove/hierarchy"
import { findHolder, hasKeys, type KeyedNode, type TrustState } from "@keygrove/ledger"
import { decodeMeetingAnswer, encodeMeetingRequest } from "@keygrove/peering"
import type { NodeContext } from "../node-context.ts"
import { foundKey } from "../peers/found-key.ts"
import type { CallOptions } from "../ports/call-options.ts"
import type { PeerAddress } from "../ports/transport.ts"
import type { KeyChains } from "./key-chains.ts"
import type { TrustBook } from "./trust-book.ts"

/** How often lines, news of the ledger and what is due are looked at. */
export const KEEPER_TICK_MS = 5_000
/** How often a key chain that is known is asked for again. */
export const KEY_CHAIN_REFRESH_MS = 3_600_000
/** How soon one is asked for again that nobody could tell: one that is not known at all, and one that is. */
const MISSING_RETRY_MS = 30_000
const KNOWN_RETRY_MS = 600_000
/** Clusters that are asked, and that are told, in one look; the others follow in the next. */
const MAX_CLUSTERS_AT_ONCE = 4
/** Nodes that are asked for one key chain in a round. */
const MAX_ASKED = 8
/** How long a node may take to be introduced. */
const INTRODUCTION_TIMEOUT_MS = 20_000

interface KeeperSources {
  readonly context: Pick<NodeContext, "clock" | "keystore" | "replica" | "transport">
  readonly keyChains: KeyChains
  readonly book: TrustBook
  /** Whether a meeting is about to write trust in a cluster. */
  readonly isPending: (cluster: ClusterId) => boolean
  readonly log: (line: string) => void
}

interface Round {
  readonly dueAt: number
  /** Why the last round was not believed, when it was not. */
  readonly warning?: Refusal
}

/**
 * Keeps the key chains of trusted clusters: gets those that are missing, asks for news every hour and when a line to one of their nodes opens, tells them when this cluster's
 * own has grown, and forgets what is not trusted any more. Notes when a cluster was seen. Asks one cluster after the other.
 */
export class KeyChainKeeper {
  readonly #sources: KeeperSources
  readonly #rounds: Map<ClusterId, Round> = new Map()
  #connected: ReadonlySet<ClusterId> = new Set()
  /** How long this cluster's own key chain was when the others were told of it. */
  #told = 0
  /** Those that have still to be told. */
  readonly #untold: Set<ClusterId> = new Set()

  constructor(sources: KeeperSources) {
    this.#sources = sources
  }

  /** What a person should know: clusters whose nodes tell another history than was seen before. */
  warnings(): readonly string[] {
    return [...this.#rounds].flatMap(([cluster, { warning }]) =>
      warning === undefined
        ? []
        : [`the key chain of trusted cluster ${cluster.slice(0, 16)} is kept as it was: ${warning.code}: ${warning.message}`],
    )
  }

  /** Works until the signal fires. */
  async run({ signal }: CallOptions): Promise<void> {
    while (!signal.aborted) {
      await this.tick({ signal })
      await this.#sources.context.clock.sleep(KEEPER_TICK_MS, { signal })
    }
  }

  /** One look at everything. */
  async tick(options: CallOptions): Promise<void> {
    const { clock } = this.#sources.context
    await this.#look(options)
    await this.#tidy(options)
    await this.#tell(options)
    const dueAt = ({ cluster }: TrustState): number => this.#rounds.get(cluster)?.dueAt ?? 0
    const due = this.#sources.keyChains.trusted().filter((trust) => dueAt(trust) <= clock.now())
    for (const trust of due.toSorted((a, b) => dueAt(a) - dueAt(b)).slice(0, MAX_CLUSTERS_AT_ONCE)) {
      options.signal.throwIfAborted()
      const asked = await this.#ask(trust, options)
      const retryMs = this.#sources.keyChains.hasCopy(trust.cluster) ? KNOWN_RETRY_MS : MISSING_RETRY_MS
      const next = clock.now() + (asked.ok ? KEY_CHAIN_REFRESH_MS : retryMs)
      const isLie = !asked.ok && DISBELIEVED.has(asked.code)
      if (isLie && this.#rounds.get(trust.cluster)?.warning?.code !== asked.code) this.#sources.log(`${asked.code}: ${asked.message}`)
      this.#rounds.set(trust.cluster, isLie ? { dueAt: clock.now() + KEY_CHAIN_REFRESH_MS, warning: asked } : { dueAt: next })
    }
  }

  /** Whose lines are open: they are seen now, and those that were not a moment ago are asked for news. */
  async #look(options: CallOptions): Promise<void> {
    const { book, context, keyChains } = this.#sources
    const connected = new Set<ClusterId>()
    for (const key of context.transport.peers()) {
      const known = keyChains.find(key)
      if (known !== undefined && known.relation !== "own") connected.add(known.node.cluster)
    }
    for (const cluster of connected) {
      const noted = await book.see(cluster, context.clock.now(), options)
      if (!noted.ok) this.#sources.log(`${noted.code}: ${noted.message}`)
      if (!this.#connected.has(cluster)) this.#rounds.delete(cluster)
    }
    this.#connected = connected
  }

  /** Tells one node of each trusted cluster when this one's key chain has grown, so that a rekey or a revocation is known there before the hour is over. */
  async #tell(options: CallOptions): Promise<void> {
    const { context, keyChains } = this.#sources
    const length = context.replica.keyChain(context.keystore.identity().cluster)?.head.length ?? 0
    const trusted = keyChains.trusted()
    if (length > this.#told) for (const { cluster } of trusted) this.#untold.add(cluster)
    this.#told = Math.max(length, this.#told)
    const next = [...this.#untold].slice(0, MAX_CLUSTERS_AT_ONCE)
    for (const cluster of next) this.#untold.delete(cluster)
    for (const trust of trusted.filter(({ cluster }) => next.includes(cluster))) {
      options.signal.throwIfAborted()
      const listening = this.#candidates(trust).find(({ isOwn }) => !isOwn)
      if (listening !== undefined) await this.#introduce(listening.peer, options)
    }
  }

  /** What is not trusted any more leaves nothing here. */
  async #tidy(options: CallOptions): Promise<void> {
    const { book, isPending, keyChains } = this.#sources
    const trusted = new Set(keyChains.trusted().map(({ cluster }) => cluster))
    const gone = [...new Set([...keyChains.strays(), ...book.clusters()])].filter((cluster) => !trusted.has(cluster) && !isPending(cluster))
    for (const cluster of gone) {
      for (const forgotten of [await keyChains.forget(cluster, options), await book.forget(cluster, options)])
        if (!forgotten.ok) this.#sources.log(`${forgotten.code}: ${forgotten.message}`)
      this.#rounds.delete(cluster)
    }
  }

  /** Asks for what is new until one node gave it. One that tells another history is named; the others are still asked, as they may be right. */
  async #ask(trust: TrustState, options: CallOptions): Promise<Result<number>> {
    const { keyChains } = this.#sources
    let refusal: Refusal = refuse("PEER_UNREACHABLE", "no node that could tell its key chain is known")
    for (const { isOwn, peer } of this.#candidates(trust)) {
      options.signal.throwIfAborted()
      let asked = await keyChains.refresh(trust, peer, options)
      // It may not know this node yet, which was certified or has rekeyed since it last heard of this cluster.
      if (!asked.ok && !isOwn && STRANGER.has(asked.code) && (await this.#introduce(peer, options)))
        asked = await keyChains.refresh(trust, peer, options)
      // Another key answers where the node was: it may have rekeyed, which its own key chain proves, or not.
      const found = !asked.ok && asked.code === "PEER_KEY_WRONG" ? foundKey(asked) : undefined
      if (found !== undefined) asked = await keyChains.refresh(trust, { signingKey: found, addresses: peer.addresses }, options)
      // Two histories show that an anchor is in foreign hands, also when another node goes on with the one that is known.
      if (asked.ok) return refusal.code === "KEY_CHAIN_FORKED" ? refusal : asked
      // An own node that is behind is no fault of anybody.
      const isBehind = isOwn && asked.code === "KEY_CHAIN_TRUNCATED"
      if (!isBehind && (!DISBELIEVED.has(refusal.code) || DISBELIEVED.has(asked.code)))
        refusal = refuse(
          asked.code,
          `node ${toHex(peer.signingKey).slice(0, 16)} was asked for cluster ${trust.cluster.slice(0, 16)}: ${asked.message}`,
        )
    }
    return refusal
  }

  /** Has a node of a trusted cluster ask for this cluster's key chain, on the line that this one opens. */
  async #introduce(peer: PeerAddress, { signal }: CallOptions): Promise<boolean> {
    const { keystore, transport } = this.#sources.context
    using _answering = this.#sources.keyChains.answering(peer.signingKey)
    const deadline = AbortSignal.any([signal, AbortSignal.timeout(INTRODUCTION_TIMEOUT_MS)])
    const request = encodeMeetingRequest({ op: "introduce", cluster: keystore.identity().cluster })
    const answered = await transport.request(peer, "meet", request, { signal: deadline })
    const answer = answered.ok ? decodeMeetingAnswer(answered.value) : answered
    return answer.ok && answer.value.kind === "introduced"
  }

  /** Who may know: lines that are open first, then where nodes are said to be. */
  #candidates(trust: TrustState): readonly Candidate[] {
    const { context, keyChains } = this.#sources
    const own = context.keystore.identity()
    const self = own.keys.signingKey
    const open = context.transport.peers()
    const nodesOf = (cluster: ClusterId): readonly KeyedNode[] =>
      [...(keyChains.cluster(cluster)?.members.nodes.values() ?? [])].filter(hasKeys)
    const listedOf = (cluster: ClusterId): readonly KeyedNode[] =>
      [...(context.replica.state.clusters.get(cluster)?.nodes.values() ?? [])].filter(hasKeys)
    const candidates: Candidate[] = []
    const add = (signingKey: Uint8Array, addresses: readonly string[], isOwn: boolean): void => {
      if (equalBytes(signingKey, self) || candidates.some(({ peer }) => equalBytes(peer.signingKey, signingKey))) return
      candidates.push({ isOwn, peer: { signingKey, addresses } })
    }
    const { contact } = trust
    const met = contact === undefined ? undefined : { addresses: contact.addresses, key: this.#currentKey(trust, contact.signingKey) }
    // A line may have been opened under a key that this node has left: an address is needed even where a line is open.
    const addressesOf = (key: Uint8Array): readonly string[] => (met !== undefined && equalBytes(met.key, key) ? met.addresses : [])
    for (const { keys, terms } of nodesOf(trust.cluster))
      if (isAmong(open, keys.signingKey)) add(keys.signingKey, [...addressesOf(keys.signingKey), ...(terms?.addresses ?? [])], false)
    if (met !== undefined) add(met.key, met.addresses, false)
    for (const { keys, terms } of listedOf(own.cluster))
      if (isAmong(open, keys.signingKey)) add(keys.signingKey, terms?.addresses ?? [], true)
    for (const { keys, terms } of listedOf(trust.cluster)) if (terms !== undefined) add(keys.signingKey, terms.addresses, false)
    for (const { keys, terms } of listedOf(own.cluster)) if (terms !== undefined) add(keys.signingKey, terms.addresses, true)
    return candidates.slice(0, MAX_ASKED)
  }

  /** The key by which the node that was met goes now, as far as is known. */
  #currentKey({ cluster }: TrustState, key: Uint8Array): Uint8Array {
    const known = this.#sources.keyChains.cluster(cluster)
    return (known === undefined ? undefined : findHolder(known.state, key))?.keys.signingKey ?? key
  }
}

interface Candidate {
  readonly isOwn: boolean
  readonly peer: PeerAddress
}

/** What says that somebody tells another history than was seen: the old one is kept, and a person is told. */
const DISBELIEVED: ReadonlySet<string> = new Set([
  "KEY_CHAIN_FORKED",
  "KEY_CHAIN_TRUNCATED",
  "KEY_CHAIN_ENTRY_INVALID",
  "KEY_CHAIN_ENTRY_FOREIGN",
  "KEY_CHAIN_ENTRY_VOID",
  "KEY_CHAIN_ROOT_WRONG",
  "KEY_CHAIN_HEAD_INVALID",
  "KEY_CHAIN_HEAD_WRONG",
  "KEY_CHAIN_SIGNER_UNKNOWN",
  "KEY_CHAIN_TOO_LONG",
])

/** How a node refuses one that it does not know. */
const STRANGER: ReadonlySet<string> = new Set(["CHAIN_NOT_SERVED", "PEER_UNKNOWN", "PEER_REMOVED"])

function isAmong(keys: readonly Uint8Array[], key: Uint8Array): boolean {
  return keys.some((each) => equalBytes(each, key))
}
