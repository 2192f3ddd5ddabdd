import { equalBytes, toHex } from "@keygrove/base"
import type { PolicyState } from "@keygrove/ledger"
import type { Grove, GrantWish, SealedFile } from "./grove.ts"
import type { LieKind } from "./liars.ts"
import type { Member } from "./member.ts"

/** What is known of a proxy that a policy names, at one moment. */
interface ProxyView {
  readonly isReached: boolean
  readonly holds: boolean
  readonly knowsGrant: boolean
  readonly knowsEnd: boolean
  readonly lie: LieKind | undefined
}

/** Lies after which a proxy's capsule fragments still are what they should be. */
const TRUE_FRAGMENTS: ReadonlySet<LieKind | undefined> = new Set<LieKind | undefined>([undefined, "forgetful", "hoarding"])
/** Lies whose capsule fragments never hold. */
const FALSE_FRAGMENTS: ReadonlySet<LieKind | undefined> = new Set<LieKind | undefined>(["changed", "garbage", "empty", "failing", "silent"])

/**
 * What should be, from plain sets: what was ordered, what was acknowledged, who lies. It knows no cryptography and no protocol; the ledger of the host, which decides what stands,
 * and what each node has read of it, it looks up.
 */
export class Model {
  readonly ordered: GrantWish[] = []
  /** Ids of the policies whose grant was acknowledged to its owner. */
  readonly granted: Set<string> = new Set()
  /** Ids of the grants, {@link grantOf}, that their owners tried to revoke, and those where this was acknowledged. */
  readonly revoking: Set<string> = new Set()
  readonly revoked: Set<string> = new Set()
  readonly files: SealedFile[] = []
  /** Labels by the hex of the keys that files were encrypted under. */
  readonly labels: Map<string, string> = new Map()
  readonly lies: Map<Member, LieKind> = new Map()
  /** Members whose disk is full. */
  readonly full: Set<Member> = new Set()
  readonly #grove: Grove

  constructor(grove: Grove) {
    this.#grove = grove
  }

  /** Every policy that ever stood, as the host's ledger has it. */
  policies(): readonly PolicyState[] {
    return [...this.#grove.ledger.state.policies.values()]
  }

  /** The policies that make up a grant that is not revoked, by the ledger of the host. */
  standingGrants(): readonly (readonly PolicyState[])[] {
    const live = this.policies().filter((policy) => policy.revokedAt === undefined && !this.isExpired(policy))
    return [...Map.groupBy(live, grantOf).values()]
  }

  /** What is wrong with what a file was encrypted under: a grant of its label, made before, that it is not readable by. */
  unreadable({ header, owner }: SealedFile): readonly string[] {
    return this.standingGrants()
      .filter(([first]) => first !== undefined && this.isOfLabel(first, owner, header.label))
      .filter((grant) => !grant.some((policy) => equalBytes(policy.grant.labelKey, header.labelKey)))
      .map(
        ([first]) =>
          `${header.label} of ${owner.name} is encrypted in epoch ${header.epoch}, which ${first === undefined ? "" : grantOf(first).slice(0, 8)} is not for`,
      )
  }

  /** Whether a policy is of this label: one key of a label that was ever seen tells. */
  isOfLabel({ grant, owner }: PolicyState, member: Member, label: string): boolean {
    return owner.cluster === member.identity.cluster && this.labels.get(toHex(grant.labelKey)) === label
  }

  /** Whether somebody ordered what stands. */
  wasOrdered({ grant, owner }: PolicyState): boolean {
    return this.ordered.some(
      (wish) =>
        wish.owner.identity.cluster === owner.cluster &&
        wish.reader.had(grant.reader.signingKey) &&
        wish.threshold === grant.threshold &&
        wish.shares === grant.proxies.length &&
        wish.expiresAt === grant.expiresAt,
    )
  }

  /** Whether a reading must succeed and whether it may: between the two lies what depends on who lies. */
  async expectRead(reader: Member, file: SealedFile): Promise<{ readonly must: boolean; readonly may: boolean }> {
    if (file.owner === reader) return { must: true, may: true }
    let [must, may] = [false, false]
    for (const policy of this.policies()) {
      if (!equalBytes(policy.grant.labelKey, file.header.labelKey) || !this.isReader(reader, policy)) continue
      if (!this.stands(reader, policy)) continue
      const views = await this.#proxyViews(policy, reader)
      const sure = views.filter((view) => view.isReached && view.holds && view.knowsGrant && !view.knowsEnd && TRUE_FRAGMENTS.has(view.lie))
      const possible = views.filter(
        (view) => view.isReached && (view.lie === "hoarding" || (view.holds && !view.knowsEnd && !FALSE_FRAGMENTS.has(view.lie))),
      )
      must ||= sure.length >= policy.grant.threshold
      may ||= possible.length >= policy.grant.threshold
    }
    return { must, may }
  }

  isReader(member: Member, { grant }: PolicyState): boolean {
    return member.had(grant.reader.signingKey)
  }

  /** Whether a policy stands for all that a node has read of the ledger. */
  stands(node: Member, policy: PolicyState): boolean {
    return this.knows(node, policy.grantedAt) && !this.knows(node, policy.revokedAt) && !this.isExpired(policy)
  }

  isExpired({ grant }: PolicyState): boolean {
    return grant.expiresAt <= this.#grove.clock.now()
  }

  /** Whether a running node has read the ledger's entry with this index. */
  knows(node: Member, index: number | undefined): boolean {
    return index !== undefined && node.context.replica.head.length > index
  }

  /** Proxies that an owner can reach and that do all they should. */
  goodProxiesFor(owner: Member, proxies: readonly Member[]): number {
    return proxies.filter(
      (each) => each.isRunning && !this.lies.has(each) && !this.full.has(each) && this.#grove.lines.reaches(owner.key, each.key),
    ).length
  }

  async #proxyViews(policy: PolicyState, reader: Member): Promise<readonly ProxyView[]> {
    const { host, lines } = this.#grove
    return await Promise.all(
      this.#grove.proxiesOf(policy).map(async (proxy) => ({
        isReached: proxy.isRunning && lines.reaches(reader.key, proxy.key),
        holds: (await this.#grove.fragmentsOf(proxy)).has(toHex(policy.grant.policyId)),
        knowsGrant: proxy.isRunning && (this.knows(proxy, policy.grantedAt) || lines.reaches(proxy.key, host.signingKey)),
        knowsEnd: proxy.isRunning && this.knows(proxy, policy.revokedAt),
        lie: this.lies.get(proxy),
      })),
    )
  }
}

/** The grant that a policy is part of, by the hex of its first policy's id. */
export function grantOf({ grant }: PolicyState): string {
  return toHex(grant.continues ?? grant.policyId)
}
