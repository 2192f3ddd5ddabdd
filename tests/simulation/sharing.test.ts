import { unwrap, type Result } from "@keygrove/base"
import type { PolicyState } from "@keygrove/ledger"
import { revokePolicy } from "@keygrove/service"
import { afterEach, beforeEach, describe, expect, test } from "vitest"
import { Grove } from "./grove.ts"
import { lieOf, type LieKind } from "./liars.ts"
import type { Death } from "./lifeline.ts"
import { call, type Member } from "./member.ts"

const label = "photos/2026"
const DAY_MS = 86_400_000
const PROXY_NAMES = ["p1", "p2", "p3", "p4"]

let grove: Grove
let owner: Member
let reader: Member
let proxies: readonly Member[]

beforeEach(async () => {
  grove = await Grove.plant("sharing")
  owner = await grove.join("owner")
  reader = await grove.join("reader")
  const joined: Member[] = []
  for (const name of PROXY_NAMES) joined.push(await grove.joinProxy(name))
  proxies = joined
  await grove.settle()
})

afterEach(async () => {
  await grove[Symbol.asyncDispose]()
})

async function grant(threshold = 2, shares = 3): Promise<Result<PolicyState>> {
  return await grove.grant({ owner, reader, label, threshold, shares, expiresAt: grove.at(30 * DAY_MS) })
}

/** The policy's proxies; a policy has as many as it has shares. */
function holdersOf(policy: PolicyState): readonly [Member, Member, ...Member[]] {
  const [first, second, ...rest] = grove.proxiesOf(policy)
  if (first === undefined || second === undefined) throw new TypeError("the policy has too few proxies")
  return [first, second, ...rest]
}

const keptCounts = (): readonly number[] => proxies.map(({ fragmentCount }) => fragmentCount)
const jobsOf = async (collection: "grant-job" | "revoke-job"): Promise<number> =>
  unwrap(await owner.storage.list(collection, { limit: 10 }, call)).length

describe("sharing a label", () => {
  test("owner and reader open; others, and the reader before the grant, do not", async () => {
    const sealed = await grove.encrypt(owner, label)
    expect(await grove.read(owner, sealed)).toBe("opened")
    expect(await grove.read(reader, sealed)).toBe("NO_POLICY")
    unwrap(await grant())
    expect(await grove.read(reader, sealed)).toBe("opened")
    for (const proxy of proxies) expect(await grove.read(proxy, sealed)).toBe("NO_POLICY")
  })

  test("each proxy holds one fragment of a policy, all different", async () => {
    await grove.encrypt(owner, label)
    const policy = unwrap(await grant())
    const digests = await Promise.all(holdersOf(policy).map(async (holder) => [...(await grove.fragmentsOf(holder)).values()]))
    expect(digests.map(({ length }) => length)).toEqual([1, 1, 1])
    expect(new Set(digests.flat()).size).toBe(3)
  })

  test("one proxy that is down is replaced at the grant and not missed at reading; too few say so", async () => {
    const sealed = await grove.encrypt(owner, label)
    await proxies[0]?.stop()
    const [first, second] = holdersOf(unwrap(await grant()))
    await first.stop()
    expect(await grove.read(reader, sealed)).toBe("opened")
    await second.stop()
    expect(await grove.read(reader, sealed)).toBe("NOT_ENOUGH_PROXIES")
    await second.start()
    expect(await grove.read(reader, sealed)).toBe("opened")
  })

  test("an owner, a reader and proxies that have rekeyed open and serve what was shared before", async () => {
    const sealed = await grove.encrypt(owner, label)
    const policy = unwrap(await grant()).grant
    await reader.rekey()
    await grove.settle()
    expect(await grove.read(reader, sealed)).toBe("opened")
    for (const member of [...proxies, reader, owner]) await member.rekey()
    await grove.pass(90_000)
    expect([await grove.read(owner, sealed), await grove.read(reader, sealed)]).toEqual(["opened", "opened"])
    // One of the policy, and one of that which was made for the owner's new key.
    expect(keptCounts().toSorted((a, b) => a - b)).toEqual([0, 2, 2, 2])
    unwrap(await revokePolicy(owner.context, policy.policyId, call))
    await grove.settle()
    expect(await grove.read(reader, sealed)).toBe("POLICY_REVOKED")
  })

  test("a revocation stands at once, empties the proxies, and revoking again is fine", async () => {
    const sealed = await grove.encrypt(owner, label)
    const { policyId } = unwrap(await grant()).grant
    await grove.settle()
    const revoked = unwrap(await revokePolicy(owner.context, policyId, call))
    expect(revoked).toMatchObject({ confirmed: 3, needed: 2 })
    await grove.settle()
    expect(await grove.read(reader, sealed)).toBe("POLICY_REVOKED")
    expect(await grove.read(owner, sealed)).toBe("opened")
    expect(keptCounts()).toEqual([0, 0, 0, 0])
    expect(await jobsOf("revoke-job")).toBe(0)
    expect(await revokePolicy(owner.context, policyId, call)).toMatchObject({ ok: true })
    expect(await revokePolicy(reader.context, policyId, call)).toMatchObject({ code: "OWNER_ELSEWHERE" })
  })

  test("a revocation is not held up by proxies that are down, and reaches them when they are back", async () => {
    const sealed = await grove.encrypt(owner, label)
    const policy = unwrap(await grant())
    for (const holder of holdersOf(policy)) await holder.stop()
    expect(unwrap(await revokePolicy(owner.context, policy.grant.policyId, call))).toMatchObject({ confirmed: 0 })
    await grove.settle()
    expect(await grove.read(reader, sealed)).toBe("POLICY_REVOKED")
    for (const holder of holdersOf(policy)) await holder.start()
    await grove.clock.advance(60_000)
    await grove.settle()
    expect(keptCounts()).toEqual([0, 0, 0, 0])
    expect(await jobsOf("revoke-job")).toBe(0)
  })

  test("a full disk of the owner stops a grant, without a trace, and no revocation", async () => {
    const sealed = await grove.encrypt(owner, label)
    const { policyId } = unwrap(await grant()).grant
    await grove.settle()
    owner.storage.setFull(true)
    expect(await grant()).toMatchObject({ code: "DISK_FULL" })
    expect(keptCounts().reduce((sum, count) => sum + count)).toBe(3)
    expect(unwrap(await revokePolicy(owner.context, policyId, call))).toMatchObject({ confirmed: 3 })
    await grove.settle()
    expect(await grove.read(reader, sealed)).toBe("POLICY_REVOKED")
    expect(keptCounts()).toEqual([0, 0, 0, 0])
  })

  test("a full disk of a proxy makes the owner take another, and removals go on", async () => {
    await grove.encrypt(owner, label)
    const [first, second] = holdersOf(unwrap(await grant()))
    first.storage.setFull(true)
    await grove.settle()
    const policy = unwrap(await grant(1, 3))
    expect(grove.proxiesOf(policy)).not.toContain(first)
    for (const each of owner.context.replica.state.policies.values()) unwrap(await revokePolicy(owner.context, each.grant.policyId, call))
    await grove.settle()
    expect([first.fragmentCount, second.fragmentCount]).toEqual([0, 0])
  })

  test("an expired policy opens nothing and is forgotten", async () => {
    const sealed = await grove.encrypt(owner, label)
    const expiresAt = grove.at(300_000)
    unwrap(await grove.grant({ owner, reader, label, threshold: 2, shares: 3, expiresAt }))
    expect(await grove.read(reader, sealed)).toBe("opened")
    await grove.clock.advance(299_999)
    expect(await grove.read(reader, sealed)).toBe("opened")
    await grove.clock.advance(1)
    expect(await grove.read(reader, sealed)).toBe("POLICY_EXPIRED")
    await grove.clock.advance(60_000)
    await grove.settle()
    expect(keptCounts()).toEqual([0, 0, 0, 0])
  })

  test("bad orders are refused with their own codes and leave nothing behind", async () => {
    expect(await grant()).toMatchObject({ code: "LABEL_UNKNOWN" })
    await grove.encrypt(owner, label)
    expect(await grant(3, 2)).toMatchObject({ code: "THRESHOLD_ABOVE_SHARES" })
    expect(await grant(0, 2)).toMatchObject({ code: "THRESHOLD_ABOVE_SHARES" })
    expect(await grant(2, 31)).toMatchObject({ code: "SHARES_LIMIT" })
    expect(await grant(2, 5)).toMatchObject({ code: "NOT_ENOUGH_PROXIES", data: { found: 4, needed: 5 } })
    for (const proxy of proxies.slice(0, 2)) grove.lines.cut(owner.key, proxy.key)
    expect(await grant(2, 3)).toMatchObject({ code: "NOT_ENOUGH_PROXIES", data: { found: 2, needed: 3 } })
    expect(keptCounts()).toEqual([0, 0, 0, 0])
    expect(await jobsOf("grant-job")).toBe(0)
  })
})

describe("a lying proxy", () => {
  const kinds: readonly (readonly [LieKind, string])[] = [
    ["changed", "answers with a changed capsule fragment"],
    ["foreign", "answers with a fragment of another policy"],
    ["garbage", "answers with random bytes"],
    ["empty", "answers with nothing"],
    ["failing", "fails to answer"],
    ["silent", "never answers"],
  ]

  test.each(kinds)("that is %s is not believed: it %s", async (kind) => {
    const sealed = await grove.encrypt(owner, label)
    // Every proxy keeps a fragment of this one, so that each has a foreign one to answer with.
    unwrap(await grove.grant({ owner, reader: owner, label, threshold: 1, shares: 4, expiresAt: grove.at(DAY_MS) }))
    const policy = unwrap(await grant())
    const [liar, honest] = holdersOf(policy)
    liar.lie = lieOf(kind, liar)
    expect(await grove.read(reader, sealed)).toBe("opened")
    if (kind === "silent") return
    // Alone with one honest proxy of the two needed, the reader is told so, and never gets a wrong key.
    for (const holder of holdersOf(policy)) if (holder !== liar && holder !== honest) await holder.stop()
    expect(await grove.read(reader, sealed)).toBe("NOT_ENOUGH_PROXIES")
  })
})

test("a lying proxy cannot spoil a reading with a true fragment of another grant to the same reader", async () => {
  const sealed = await grove.encrypt(owner, label)
  const older = unwrap(await grant(2, 4))
  const newer = unwrap(await grant(2, 4))
  const [liar] = holdersOf(newer)
  liar.lie = lieOf("foreign", liar)
  // Both policies stand, so the newest is tried; whichever the liar answers for, the others make it up.
  expect(older.grant.labelKey).toEqual(newer.grant.labelKey)
  expect(await grove.read(reader, sealed)).toBe("opened")
})

/** Kills a member at each of the effects of an operation, before and after, until the operation survives. Returns how many deaths there were. */
async function killAtEach(victim: Member, operate: () => Promise<unknown>, judge: (death: Death) => Promise<void>): Promise<number> {
  let deaths = 0
  for (let atEffect = 1; ; atEffect++) {
    for (const when of ["before", "after"] as const) {
      victim.life.arm({ atEffect, when })
      await operate()
      if (!victim.life.isDead) return deaths
      deaths++
      await grove.settle()
      await victim.restart()
      await grove.settle()
      await judge({ atEffect, when })
    }
  }
}

describe("an owner that is killed", () => {
  test("in the middle of a grant: it stands whole, or nothing of it is left", async () => {
    const sealed = await grove.encrypt(owner, label)
    const standing = (): readonly PolicyState[] =>
      [...owner.context.replica.state.policies.values()].filter((each) => each.revokedAt === undefined)
    const outcomes = new Set<string>()
    const deaths = await killAtEach(owner, grant, async (death) => {
      const [policy] = standing()
      outcomes.add(policy === undefined ? "rolled back" : "finished")
      expect(await jobsOf("grant-job"), JSON.stringify(death)).toBe(0)
      expect(
        keptCounts().reduce((sum, count) => sum + count),
        JSON.stringify(death),
      ).toBe(policy === undefined ? 0 : 3)
      expect(await grove.read(reader, sealed), JSON.stringify(death)).not.toBe(policy === undefined ? "opened" : "NO_POLICY")
      if (policy !== undefined) unwrap(await revokePolicy(owner.context, policy.grant.policyId, call))
      await grove.settle()
    })
    // The job, three fragments, the statement and the end of the job, each before and after.
    expect(deaths).toBe(12)
    expect([...outcomes]).toEqual(["rolled back", "finished"])
    expect(await grove.read(reader, sealed)).toBe("opened")
  })

  test("in the middle of a revocation: it never was, or it is carried through", async () => {
    const sealed = await grove.encrypt(owner, label)
    let policy = unwrap(await grant())
    const outcomes = new Set<string>()
    const revoke = async (): Promise<unknown> => await revokePolicy(owner.context, policy.grant.policyId, call)
    const deaths = await killAtEach(owner, revoke, async (death) => {
      const isRevoked =
        owner.context.replica.state.policies.get(Buffer.from(policy.grant.policyId).toString("hex"))?.revokedAt !== undefined
      outcomes.add(isRevoked ? "carried through" : "never was")
      expect(await grove.read(reader, sealed), JSON.stringify(death)).toBe(isRevoked ? "POLICY_REVOKED" : "opened")
      expect(
        keptCounts().reduce((sum, count) => sum + count),
        JSON.stringify(death),
      ).toBe(isRevoked ? 0 : 3)
      expect(await jobsOf("revoke-job"), JSON.stringify(death)).toBe(0)
      if (isRevoked) policy = unwrap(await grant())
      await grove.settle()
    })
    // The job, the statement, three removals and the end of the job, each before and after.
    expect(deaths).toBe(12)
    expect([...outcomes]).toEqual(["never was", "carried through"])
  })

  test("and comes back cut off from the ledger: a grant is not judged before the ledger was asked", async () => {
    const sealed = await grove.encrypt(owner, label)
    // Job, three fragments, statement: the ledger has it, the owner does not know.
    owner.life.arm({ atEffect: 5, when: "after" })
    await grant()
    expect(owner.life.isDead).toBe(true)
    await grove.settle()
    grove.lines.cut(owner.key, grove.host.signingKey)
    await owner.restart()
    await grove.clock.advance(60_000)
    await grove.settle()
    expect(await jobsOf("grant-job")).toBe(1)
    grove.lines.mend(owner.key, grove.host.signingKey)
    await grove.clock.advance(60_000)
    await grove.settle()
    expect(await jobsOf("grant-job")).toBe(0)
    expect(await grove.read(reader, sealed)).toBe("opened")
  })
})

describe("proxies", () => {
  test("keep what they acknowledged while the ledger is out of reach, however long they do not see the policy", async () => {
    const sealed = await grove.encrypt(owner, label)
    for (const { key } of proxies) grove.lines.cut(key, grove.host.signingKey)
    const policy = unwrap(await grant())
    await grove.clock.advance(1_200_000)
    await grove.settle()
    expect(holdersOf(policy).map(({ fragmentCount }) => fragmentCount)).toEqual([1, 1, 1])
    grove.lines.mendAll()
    await grove.clock.advance(60_000)
    await grove.settle()
    expect(await grove.read(reader, sealed)).toBe("opened")
  })

  test("forget what never stood, ten minutes after they kept it", async () => {
    await grove.encrypt(owner, label)
    // Killed before the statement, and not back until all is over.
    owner.life.arm({ atEffect: 5, when: "before" })
    await grant()
    expect(owner.life.isDead).toBe(true)
    await grove.settle()
    await owner.stop()
    expect(keptCounts().reduce((sum, count) => sum + count)).toBe(3)
    await grove.clock.advance(700_000)
    await grove.settle()
    expect(keptCounts()).toEqual([0, 0, 0, 0])
  })
})

describe("several policies of one label and reader", () => {
  test("the reader opens with an older one when the proxies of the newest are away", async () => {
    const sealed = await grove.encrypt(owner, label)
    const older = unwrap(await grant(1, 2))
    for (const holder of holdersOf(older)) await holder.stop()
    const newer = unwrap(await grant(2, 2))
    for (const holder of holdersOf(newer)) await holder.stop()
    expect(await grove.read(reader, sealed)).toBe("NOT_ENOUGH_PROXIES")
    for (const holder of holdersOf(older)) await holder.start()
    expect(await grove.read(reader, sealed)).toBe("opened")
  })
})
