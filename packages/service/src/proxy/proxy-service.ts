import { equalBytes, fromHex, refuse, toHex, unreachable, unwrap, type Refusal, type Result } from "@keygrove/base"
import { findHolder, findPolicy, standsFor, type PolicyState } from "@keygrove/ledger"
import {
  admitReencrypt,
  admitRemoval,
  admitStore,
  decodeProxyRequest,
  encodeProxyAnswer,
  MAX_CLOCK_SKEW_MS,
  receiptSignBytes,
  standingPolicy,
  takeToken,
  type ProxyAnswer,
  type ProxyRequest,
  type ProxyView,
  type Rate,
  type Receipt,
  type TokenBucket,
} from "@keygrove/peering"
import { refreshReplica } from "../ledger/refresh-replica.ts"
import type { NodeContext } from "../node-context.ts"
import type { CallOptions } from "../ports/call-options.ts"
import type { InboundRequest } from "../ports/transport.ts"
import { Turns } from "../turns.ts"
import { FragmentRecords } from "./fragment-records.ts"

/** Requests of one peer; a re-encryption costs a proxy a third of a millisecond. */
const PEER_RATE: Rate = { burst: 256, perSecond: 128 }
/** Peers whose rate is remembered; the longest unused is forgotten first. */
const MAX_METERED_PEERS = 4_096
/** How long a fragment is kept at least whose policy does not appear on the ledger. */
export const PENDING_FRAGMENT_MS = 600_000
/** Keys that a proxy remembers to have had; more rekeys than that within the skew of clocks are not meant. */
const MAX_LATE_KEYS = 8
/** How often what has expired is looked for; what was revoked goes at once. */
const SWEEP_INTERVAL_MS = 60_000

/**
 * Serves protocol `proxy`: keeps one fragment of a policy, re-encrypts for its reader while it stands, forgets it when it is over. What is acknowledged is
 * durable: persist, then send.
 */
export class ProxyService implements AsyncDisposable {
  readonly #context: NodeContext
  readonly #records: FragmentRecords
  readonly #stop = new AbortController()
  readonly #buckets: Map<string, TokenBucket> = new Map()
  readonly #serving: Disposable
  readonly #sweeping: Promise<void>
  /** One store or removal at a time for each policy, so that no two fragments of one can be accepted at once. */
  readonly #turns = new Turns()
  readonly #listening: Disposable
  #selfKey: Uint8Array
  /** Keys from before rekeys of this run, and until when a request may name them. */
  #lateKeys: readonly { readonly key: Uint8Array; readonly until: number }[] = []

  private constructor(context: NodeContext, records: FragmentRecords) {
    this.#context = context
    this.#records = records
    this.#selfKey = context.keystore.identity().keys.signingKey
    this.#listening = context.keystore.onRekey(({ keys }) => this.#rekeyed(keys.signingKey))
    this.#serving = context.transport.serve("proxy", async (request, options) => encodeProxyAnswer(await this.#answer(request, options)))
    this.#sweeping = Promise.all([this.#sweepOnChange(), this.#sweepInIntervals()]).then(() => undefined)
  }

  static async open(context: NodeContext, options: CallOptions): Promise<Result<ProxyService>> {
    const records = await FragmentRecords.open(context.storage, options)
    return records.ok ? { ok: true, value: new ProxyService(context, records.value) } : records
  }

  /** Fragments kept now. */
  get fragmentCount(): number {
    return this.#records.count
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#serving[Symbol.dispose]()
    this.#listening[Symbol.dispose]()
    this.#stop.abort()
    await this.#sweeping
  }

  async #answer(inbound: InboundRequest, options: CallOptions): Promise<ProxyAnswer> {
    if (!this.#meter(inbound.from))
      return { kind: "refused", code: "RATE_LIMITED", message: `more than ${PEER_RATE.perSecond} requests a second; wait a moment` }
    const request = decodeProxyRequest(inbound.body)
    const answer = request.ok ? await this.#performKnowing(inbound.from, request.value, options) : request
    if (!("ok" in answer)) return answer
    return { kind: "refused", code: isOfPeers(answer.code) ? answer.code : "PROXY_FAILED", message: answer.message }
  }

  /** What is refused because the ledger does not show it yet may have been written a moment ago: the ledger is asked once. */
  async #performKnowing(from: Uint8Array, request: ProxyRequest, options: CallOptions): Promise<ProxyAnswer | Refusal> {
    const answer = await this.#perform(from, request, options)
    if (!("ok" in answer) || !NEWS_MAY_HELP.has(answer.code)) return answer
    await refreshReplica(this.#context, options)
    return await this.#perform(from, request, options)
  }

  async #perform(from: Uint8Array, request: ProxyRequest, options: CallOptions): Promise<ProxyAnswer | Refusal> {
    switch (request.op) {
      case "store_rekey":
        return await this.#turns.take(toHex(request.draft.policyId), () => this.#store(from, request, options))
      case "reencrypt":
        return await this.#reencrypt(request, options)
      case "remove_rekey":
        return await this.#turns.take(toHex(request.policyId), () => this.#remove(from, request.policyId, options))
      default:
        return unreachable(request)
    }
  }

  async #store(
    from: Uint8Array,
    { draft, sealed }: ProxyRequest & { readonly op: "store_rekey" },
    options: CallOptions,
  ): Promise<ProxyAnswer | Refusal> {
    const { keystore, clock } = this.#context
    const owner = admitStore(this.#view(), from, draft, this.#records.countBesides(draft.policyId))
    if (!owner.ok) return owner
    const { policyId, expiresAt, labelKey, delegationKey, reader } = draft
    const accepted = await keystore.acceptFragment(
      { policyId, sealed, ownerSigningKey: from, delegationKey, labelKey, readerKey: reader.encryptionKey },
      options,
    )
    if (!accepted.ok) return accepted
    const { digest, stored } = accepted.value
    const known = await this.#records.get(policyId, options)
    if (!known.ok) return known
    if (known.value !== undefined && !equalBytes(known.value.digest, digest))
      return refuse("FRAGMENT_HELD", "another fragment of this policy is kept already; no node may hold two")
    if (known.value === undefined) {
      const written = await this.#records.put(policyId, { stored, digest, owner: draft.owner, expiresAt, storedAt: clock.now() }, options)
      if (!written.ok) return written
    }
    return await this.#receipt("stored", policyId, digest, options)
  }

  async #reencrypt(request: ProxyRequest & { readonly op: "reencrypt" }, options: CallOptions): Promise<ProxyAnswer | Refusal> {
    const { keystore, primitives } = this.#context
    const policy = admitReencrypt(primitives, this.#view(), request)
    if (!policy.ok) return policy
    const record = await this.#records.get(request.policyId, options)
    if (!record.ok) return record
    const kept = record.value
    if (kept === undefined) return refuse("FRAGMENT_UNKNOWN", "no fragment of this policy is kept here; ask another proxy")
    const fragments: Uint8Array[] = []
    for (const capsule of request.capsules) {
      const fragment = await keystore.reencrypt({ policyId: request.policyId, stored: kept.stored, capsule }, options)
      if (!fragment.ok) return fragment
      fragments.push(fragment.value)
    }
    // The revocation may have arrived while the keystore worked.
    const still = admitReencrypt(primitives, this.#view(), request)
    return still.ok ? { kind: "fragments", fragments } : still
  }

  async #remove(from: Uint8Array, policyId: Uint8Array, options: CallOptions): Promise<ProxyAnswer | Refusal> {
    const record = await this.#records.get(policyId, options)
    if (!record.ok) return record
    if (record.value === undefined) return await this.#receipt("removed", policyId, new Uint8Array(32), options)
    const admitted = admitRemoval(this.#view(), from, policyId, record.value.owner)
    if (!admitted.ok) return admitted
    const removed = await this.#records.remove(toHex(policyId), options)
    return removed.ok ? await this.#receipt("removed", policyId, record.value.digest, options) : removed
  }

  async #receipt(
    action: Receipt["action"],
    policyId: Uint8Array,
    fragmentDigest: Uint8Array,
    options: CallOptions,
  ): Promise<ProxyAnswer | Refusal> {
    const { clock, keystore } = this.#context
    const unsigned = { action, policyId, fragmentDigest, issuedAt: clock.now() }
    const { selfKey } = this.#view()
    const signature = await keystore.sign("message", receiptSignBytes(unsigned, selfKey), options)
    if (!signature.ok) return signature
    // A receipt names the key that signs it; after a rekey in between it is written anew.
    if (!equalBytes(this.#view().selfKey, selfKey)) return await this.#receipt(action, policyId, fragmentDigest, options)
    return { kind: "receipt", ...unsigned, signature: signature.value }
  }

  #view(): ProxyView {
    const { clock, keystore, replica } = this.#context
    const now = clock.now()
    const lateKeys = this.#lateKeys.filter(({ until }) => until >= now).map(({ key }) => key)
    return { state: replica.state, now, selfKey: keystore.identity().keys.signingKey, lateKeys }
  }

  /** Readers that do not know yet name the key before; as long as a request may be under way it counts. */
  #rekeyed(selfKey: Uint8Array): void {
    const late = { key: this.#selfKey, until: this.#context.clock.now() + MAX_CLOCK_SKEW_MS }
    this.#lateKeys = [late, ...this.#lateKeys].slice(0, MAX_LATE_KEYS)
    this.#selfKey = selfKey
  }

  #meter(from: Uint8Array): boolean {
    const peer = toHex(from)
    const { bucket, taken } = takeToken(this.#buckets.get(peer), PEER_RATE, this.#context.clock.now())
    this.#buckets.delete(peer)
    this.#buckets.set(peer, bucket)
    const [oldest] = this.#buckets.keys()
    if (this.#buckets.size > MAX_METERED_PEERS && oldest !== undefined) this.#buckets.delete(oldest)
    return taken
  }

  async #sweepOnChange(): Promise<void> {
    const { signal } = this.#stop
    try {
      for await (const _ledger of this.#context.replica.changes({ signal })) await this.#sweep(signal)
    } catch (error) {
      if (!signal.aborted) throw error
    }
  }

  async #sweepInIntervals(): Promise<void> {
    const { signal } = this.#stop
    try {
      while (!signal.aborted) {
        await this.#context.clock.sleep(SWEEP_INTERVAL_MS, { signal })
        await this.#sweep(signal)
      }
    } catch (error) {
      if (!signal.aborted) throw error
    }
  }

  /** Forgets fragments of policies that are revoked or expired or do not name this node, and those whose grant never came. A failed removal is tried again by the next sweep. */
  async #sweep(signal: AbortSignal): Promise<void> {
    let asked: Promise<boolean> | undefined
    const isUpToDate = async (): Promise<boolean> => await (asked ??= refreshReplica(this.#context, { signal }))
    for (const key of this.#records.policies()) {
      if (signal.aborted) return
      const policyId = unwrap(fromHex(key))
      if (await this.#isOver(policyId, isUpToDate, { signal })) await this.#turns.take(key, () => this.#records.remove(key, { signal }))
    }
  }

  async #isOver(policyId: Uint8Array, isUpToDate: () => Promise<boolean>, options: CallOptions): Promise<boolean> {
    const view = this.#view()
    const policy = findPolicy(view.state, policyId)
    if (policy !== undefined) return !standingPolicy(view, policyId).ok || !names(policy, view)
    const record = await this.#records.get(policyId, options)
    if (!record.ok || record.value === undefined) return false
    const { expiresAt, storedAt } = record.value
    if (expiresAt <= view.now) return true
    if (storedAt + PENDING_FRAGMENT_MS >= view.now) return false
    // A node cut off from the ledger cannot know whether the policy came: its receipt stands.
    return (await isUpToDate()) && findPolicy(this.#view().state, policyId) === undefined
  }
}

/**
 * Whether a policy counts on this node, also as it was below a root that was replaced. One whose receipt was lost on its way is replaced by another proxy, and must not keep a fragment more than the owner knows of:
 * revocation counts on n fragments.
 */
function names({ grant }: PolicyState, { selfKey, state }: ProxyView): boolean {
  const self = findHolder(state, selfKey)
  return grant.proxies.some((proxy) => equalBytes(proxy.signingKey, selfKey) || (self !== undefined && standsFor(state, self, proxy)))
}

const NEWS_MAY_HELP: ReadonlySet<string> = new Set(["POLICY_UNKNOWN", "OWNER_UNKNOWN", "NOT_OWNER", "NOT_OFFERING", "NOT_READER"])

/** Codes that a peer may see; others would tell it about this node's inside. */
const PEER_CODES: ReadonlySet<string> = new Set([
  "PROXY_REQUEST_INVALID",
  "NOT_OFFERING",
  "OFFER_TOO_SHORT",
  "CAPACITY_SPENT",
  "FRAGMENT_HELD",
  "FRAGMENT_UNKNOWN",
  "FRAGMENT_INVALID",
  "SEALED_MESSAGE_INVALID",
  "CAPSULE_INVALID",
  "OWNER_UNKNOWN",
  "NOT_OWNER",
  "NOT_READER",
  "POLICY_UNKNOWN",
  "POLICY_REVOKED",
  "POLICY_EXPIRED",
  "REQUEST_STALE",
])

function isOfPeers(code: string): boolean {
  return PEER_CODES.has(code)
}
