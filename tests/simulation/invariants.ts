import { equalBytes, toHex, unwrap } from "@keygrove/base"
import { isSameNode } from "@keygrove/hierarchy"
import { decodeLedgerIndex, type PolicyState } from "@keygrove/ledger"
import type { Grove } from "./grove.ts"
import { call, type Member } from "./member.ts"
import { grantOf, type Model } from "./model.ts"

/** How long after the end of a policy a running proxy may still have its fragment: one interval of its sweep. */
const SWEEP_MS = 60_000

/** Holds a grove to what must be true after every step, and remembers what must never change. */
export class Invariants {
  readonly #grove: Grove
  readonly #model: Model
  /** Digests of fragments by proxy and policy, as first seen. */
  readonly #digests: Map<string, string> = new Map()
  /** Longest copy of the ledger that each member had. */
  readonly #lengths: Map<Member, number> = new Map()
  /** Proxies that once threw a fragment away which they had signed for. */
  readonly unfaithful: Set<Member> = new Set()

  constructor(grove: Grove, model: Model) {
    this.#grove = grove
    this.#model = model
  }

  /** What is broken now, one line each. */
  async broken(): Promise<readonly string[]> {
    return [...(await this.#ledger()), ...this.#policies(), ...(await this.#fragments())]
  }

  /** After everything was healed and time has passed: what is broken of what must be true in the end. */
  async brokenAtTheEnd(): Promise<readonly string[]> {
    const faults: string[] = []
    const { length } = this.#grove.ledger.head
    for (const member of this.#grove.members) {
      if (member.context.replica.head.length !== length) faults.push(`${member.name} has not caught up`)
      const { labels, policies, refusal } = member.remaking.progress
      if (labels > 0 || policies > 0)
        faults.push(`${member.name} has ${policies} policies of ${labels} labels to make: ${refusal?.code ?? "not tried"}`)
      if (member.context.keystore.pendingRekey() !== undefined) faults.push(`${member.name} has not ended its rekey`)
      for (const collection of ["grant-job", "revoke-job"] as const) {
        const left = unwrap(await member.storage.list(collection, { limit: 10 }, call)).length
        if (left > 0) faults.push(`${member.name} has ${left} of ${collection} left`)
      }
      const standing = this.#model.policies().filter((policy) => policy.revokedAt === undefined && !this.#isLongExpired(policy))
      const named = new Set(standing.filter((policy) => this.#isNamed(member, policy)).map(idOf))
      for (const policyId of (await this.#grove.fragmentsOf(member)).keys())
        if (!named.has(policyId)) faults.push(`${member.name} still has a fragment of ${short(policyId)}`)
    }
    return [...faults, ...this.#model.files.flatMap((file) => this.#model.unreadable(file))]
  }

  /** One history: every replica has a beginning of the host's, and never less than before. */
  async #ledger(): Promise<readonly string[]> {
    const faults: string[] = []
    for (const member of this.#grove.members) {
      const length = await member.ledgerLength()
      if (length < (this.#lengths.get(member) ?? 0)) faults.push(`${member.name} lost entries of the ledger`)
      this.#lengths.set(member, length)
      if (!member.isRunning) continue
      const { failure, head } = member.context.replica
      const there = unwrap(await this.#grove.engine.read(unwrap(decodeLedgerIndex(head.length)), 1, call))
      if (!equalBytes(there.before, head.hash)) faults.push(`${member.name} has another history than the host`)
      if (failure !== undefined) faults.push(`${member.name} distrusts the ledger: ${failure.message}`)
    }
    return faults
  }

  /** Acknowledged grants and revocations are on the ledger; whatever is there was ordered. */
  #policies(): readonly string[] {
    const { granted, revoked, revoking } = this.#model
    const policies = new Map(this.#model.policies().map((policy) => [idOf(policy), policy]))
    return [
      ...[...granted].filter((id) => !policies.has(id)).map((id) => `the acknowledged grant ${short(id)} is lost`),
      ...[...policies]
        .filter(([, policy]) => revoked.has(grantOf(policy)) && policy.revokedAt === undefined)
        .map(([id]) => `the acknowledged revocation of ${short(id)} is lost`),
      ...[...policies].filter(([, policy]) => !this.#model.wasOrdered(policy)).map(([id]) => `nobody ordered ${short(id)}`),
      ...[...policies]
        .filter(([, policy]) => policy.revokedAt !== undefined && !revoking.has(grantOf(policy)))
        .map(([id]) => `nobody revoked ${short(id)}`),
      ...this.#model.standingGrants().flatMap(twiceForOneKey),
    ]
  }

  /** One fragment of a policy at a proxy, never another; kept while the policy stands, gone when the proxy knows of its end. */
  async #fragments(): Promise<readonly string[]> {
    const faults: string[] = []
    const byPolicy = new Map<string, Set<string>>()
    for (const member of this.#grove.members) {
      const held = await this.#grove.fragmentsOf(member)
      for (const [policyId, digest] of held) {
        const place = `${member.name} ${policyId}`
        if ((this.#digests.get(place) ?? digest) !== digest) faults.push(`${member.name} had two fragments of ${short(policyId)}`)
        this.#digests.set(place, digest)
        const digests = byPolicy.get(policyId) ?? new Set<string>()
        byPolicy.set(policyId, digests)
        if (digests.has(digest)) faults.push(`two proxies have one fragment of ${short(policyId)}`)
        digests.add(digest)
      }
      for (const policy of this.#model.policies()) faults.push(...this.#fragment(member, policy, held.get(idOf(policy))))
    }
    return faults
  }

  #fragment(member: Member, policy: PolicyState, digest: string | undefined): readonly string[] {
    const what = `the fragment of ${short(idOf(policy))}`
    const named = policy.grant.proxies.find((proxy) => isSameNode(proxy, member.identity))
    if (named !== undefined && digest !== undefined && digest !== toHex(named.fragmentDigest))
      return [`${member.name} has not ${what} that the policy names`]
    const mustKeep =
      named !== undefined && this.#isOpen(policy) && !this.#model.revoking.has(grantOf(policy)) && !this.unfaithful.has(member)
    if (mustKeep && digest === undefined) return [`${member.name} lost ${what}`]
    if (digest === undefined || !member.isRunning) return []
    if (this.#model.knows(member, policy.revokedAt)) return [`${member.name} kept ${what} though it knows of the revocation`]
    if (named === undefined && this.#model.knows(member, policy.grantedAt)) return [`${member.name} kept ${what}, which does not name it`]
    const wasSwept = member.startedAt + SWEEP_MS < this.#grove.clock.now()
    return wasSwept && this.#isLongExpired(policy) ? [`${member.name} kept ${what} after its expiry`] : []
  }

  #isNamed({ identity }: Member, { grant }: PolicyState): boolean {
    return grant.proxies.some((proxy) => isSameNode(proxy, identity))
  }

  /** Whether every running proxy has had the time to notice the expiry. */
  #isLongExpired({ grant }: PolicyState): boolean {
    return grant.expiresAt + SWEEP_MS < this.#grove.clock.now()
  }

  #isOpen(policy: PolicyState): boolean {
    return policy.revokedAt === undefined && !this.#model.isExpired(policy)
  }
}

/** A grant needs one policy for each key of its label; another would be a fragment more at each of its proxies. */
function twiceForOneKey(grant: readonly PolicyState[]): readonly string[] {
  const byKey = Map.groupBy(grant, (policy) => toHex(policy.grant.labelKey))
  return [...byKey.values()].flatMap(([first, second]) =>
    first === undefined || second === undefined ? [] : [`${short(idOf(first))} and ${short(idOf(second))} are for one key`],
  )
}

function idOf({ grant }: PolicyState): string {
  return toHex(grant.policyId)
}

function short(policyId: string): string {
  return policyId.slice(0, 8)
}
