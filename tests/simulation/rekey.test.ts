import { ok, refuse, toHex, unwrap, type Result } from "@keygrove/base"
import { nativePrimitives } from "@keygrove/curves-native"
import { policiesOfGrant, type PolicyState } from "@keygrove/ledger"
import { decodeProxyAnswer, encodeProxyRequest, MAX_CLOCK_SKEW_MS, requestSignBytes } from "@keygrove/peering"
import { labelNames, revokePolicy, useLabel } from "@keygrove/service"
import { decodeLabel } from "@keygrove/reencryption"
import { grantsHere, policyFacts } from "../../packages/apps/node/src/rpc/policy-facts.ts"
import { afterEach, beforeEach, describe, expect, test } from "vitest"
import { Grove } from "./grove.ts"
import { call, type Member } from "./member.ts"

const DAY_MS = 86_400_000
const label = "photos/2026"
let grove: Grove
let owner: Member
let reader: Member
let proxies: readonly Member[]

beforeEach(async () => {
  grove = await Grove.plant("rekey")
  owner = await grove.join("owner")
  reader = await grove.join("reader")
  proxies = [await grove.joinProxy("p1"), await grove.joinProxy("p2"), await grove.joinProxy("p3"), await grove.joinProxy("p4")]
  await grove.settle()
})
afterEach(async () => {
  await grove[Symbol.asyncDispose]()
})

async function grant(expiresAt = grove.at(30 * DAY_MS)): Promise<Result<PolicyState>> {
  return await grove.grant({ owner, reader, label, threshold: 2, shares: 3, expiresAt })
}

/** The policies of a grant as the ledger has them now. */
function policiesOf(policy: PolicyState): readonly PolicyState[] {
  const { state } = grove.ledger
  return policiesOfGrant(state, state.policies.get(toHex(policy.grant.policyId)) ?? policy)
}

function policyAt(policyId: Uint8Array): Result<PolicyState> {
  const policy = grove.ledger.state.policies.get(toHex(policyId))
  return policy === undefined ? refuse("POLICY_UNKNOWN", "no such policy") : ok(policy)
}

/** Does something at a proxy before it answers the first request that it gets from now on. */
function beforeFirst(proxy: Member, act: () => Promise<void>): { readonly count: number } {
  const asked = { count: 0 }
  proxy.lie = async (_request, honest) => {
    if (asked.count++ === 0) await act()
    return await honest()
  }
  return asked
}

/** What a proxy answers to a request of the reader, just now, that names one of its keys. */
async function reencrypt({ key }: Member, policyId: Uint8Array, capsule: Uint8Array, named: Uint8Array): Promise<string> {
  const { clock, keystore, random, transport } = reader.context
  const unsigned = { policyId, capsules: [capsule], issuedAt: clock.now(), nonce: random(16) }
  const signature = unwrap(await keystore.sign("message", requestSignBytes(nativePrimitives, unsigned, named), call))
  const body = encodeProxyRequest({ op: "reencrypt", ...unsigned, signature })
  const answer = unwrap(decodeProxyAnswer(unwrap(await transport.request({ signingKey: key, addresses: [] }, "proxy", body, call))))
  return answer.kind === "refused" ? answer.code : answer.kind
}

const epochsOf = (policy: PolicyState): readonly number[] => policiesOf(policy).map(({ grant: { epoch } }) => epoch)
const keptBy = (): number => proxies.reduce((sum, { fragmentCount }) => sum + fragmentCount, 0)
const inUse = async (): Promise<number> => unwrap(await useLabel(owner.context, unwrap(decodeLabel(label)), call)).epoch

/** Time for what is tried again. */
async function pass(): Promise<void> {
  await grove.pass(90_000)
}

describe("after its owner's rekey a grant", () => {
  test("is made again under the new key of its label, with the same reader, proxies and end; old and new files are read", async () => {
    const before = await grove.encrypt(owner, label)
    const policy = unwrap(await grant())
    await owner.rekey()
    await pass()
    const [first, second, ...more] = policiesOf(policy)
    expect(more).toEqual([])
    expect([first?.grant.epoch, second?.grant.epoch]).toEqual([1, 2])
    expect(second?.grant.expiresAt).toBe(policy.grant.expiresAt)
    const named = (each: PolicyState | undefined): ReadonlySet<Member> => new Set(each === undefined ? [] : grove.proxiesOf(each))
    expect(named(second)).toEqual(named(first))
    const after = await grove.encrypt(owner, label)
    expect([before.header.epoch, after.header.epoch]).toEqual([1, 2])
    for (const file of [before, after]) expect(await grove.read(reader, file)).toBe("opened")
    expect(owner.remaking.progress).toEqual({ labels: 0, policies: 0 })
  })

  test("is one grant in what people are told, under the id that it was made with", async () => {
    await grove.encrypt(owner, label)
    const policy = unwrap(await grant())
    await owner.rekey()
    await pass()
    const policies = policiesOf(policy).map(({ grant: { policyId } }) => toHex(policyId))
    for (const member of [owner, reader]) {
      const names = unwrap(await labelNames(member.context, call))
      const [facts, ...more] = grantsHere(member.context).map((first) => policyFacts(member.context, first, names))
      expect(more).toEqual([])
      const role = member === owner ? "owner" : "reader"
      expect(facts).toMatchObject({ id: policies[0], policies, state: "standing", role, label: member === owner ? label : null, shares: 3 })
    }
    unwrap(await revokePolicy(owner.context, policy.grant.policyId, call))
    expect(policyFacts(owner.context, policy, new Map())).toMatchObject({ id: policies[0], state: "revoked" })
  })

  test("names the keys that reader and proxies have by then", async () => {
    await grove.encrypt(owner, label)
    const policy = unwrap(await grant())
    for (const member of [reader, ...proxies]) await member.rekey()
    await grove.settle()
    await owner.rekey()
    await pass()
    const remade = policiesOf(policy).at(-1)?.grant
    expect(remade?.reader.signingKey).toEqual(reader.key)
    for (const { signingKey } of remade?.proxies ?? []) expect(proxies.some(({ key }) => toHex(key) === toHex(signingKey))).toBe(true)
    expect(await grove.read(reader, await grove.encrypt(owner, label))).toBe("opened")
  })

  test("keeps its label under the earlier key, which its reader has, until enough proxies can be reached", async () => {
    await grove.encrypt(owner, label)
    const policy = unwrap(await grant())
    for (const { key } of proxies.slice(0, 2)) grove.lines.cut(owner.key, key)
    await owner.rekey()
    await pass()
    expect(owner.remaking.progress).toMatchObject({ labels: 1, policies: 1, refusal: { code: "NOT_ENOUGH_PROXIES" } })
    const between = await grove.encrypt(owner, label)
    expect(between.header.epoch).toBe(1)
    expect(await grove.read(reader, between)).toBe("opened")
    // A label without a grant, and one that is new, need not wait for anybody.
    expect((await grove.encrypt(owner, "letters")).header.epoch).toBe(2)
    grove.lines.mendAll()
    await pass()
    expect(owner.remaking.progress).toEqual({ labels: 0, policies: 0 })
    const after = await grove.encrypt(owner, label)
    expect(after.header.epoch).toBe(2)
    expect(epochsOf(policy)).toEqual([1, 2])
    for (const file of [between, after]) expect(await grove.read(reader, file)).toBe("opened")
    expect(keptBy()).toBe(6)
  })

  test("that was revoked before or expired meanwhile is not made again, and holds nothing up", async () => {
    await grove.encrypt(owner, label)
    const [revoked, expiring] = [unwrap(await grant()), unwrap(await grant(grove.at(60_000)))]
    unwrap(await revokePolicy(owner.context, revoked.grant.policyId, call))
    for (const { key } of proxies) grove.lines.cut(owner.key, key)
    await owner.rekey()
    await pass()
    grove.lines.mendAll()
    await pass()
    expect([epochsOf(revoked), epochsOf(expiring)]).toEqual([[1], [1]])
    expect(await inUse()).toBe(2)
  })

  test.each([
    ["first", 0],
    ["second", 1],
  ])("ends whole when its %s policy is revoked, and is not made again after the next rekey", async (_which, index) => {
    const before = await grove.encrypt(owner, label)
    const policy = unwrap(await grant())
    await owner.rekey()
    await pass()
    const after = await grove.encrypt(owner, label)
    const named = policiesOf(policy)[index]?.grant.policyId ?? new Uint8Array(0)
    expect(unwrap(await revokePolicy(owner.context, named, call))).toMatchObject({ confirmed: 3, needed: 2, shares: 3 })
    await grove.settle()
    for (const file of [before, after]) expect(await grove.read(reader, file)).toBe("POLICY_REVOKED")
    expect(keptBy()).toBe(0)
    await owner.rekey()
    await pass()
    expect(epochsOf(policy)).toEqual([1, 2])
    expect([await inUse(), keptBy()]).toEqual([3, 0])
  })

  test("that is revoked while it is made again has no policy left", async () => {
    await grove.encrypt(owner, label)
    const policy = unwrap(await grant())
    const revoking: Promise<unknown>[] = []
    // As soon as a fragment of the new policy is on its way.
    grove.lines.fate = () => {
      if (revoking.length === 0) revoking.push(revokePolicy(owner.context, policy.grant.policyId, call))
      return "delivered"
    }
    await owner.rekey()
    await pass()
    expect(await Promise.all(revoking)).toMatchObject([{ ok: true }])
    expect(policiesOf(policy).every(({ revokedAt }) => revokedAt !== undefined)).toBe(true)
    await pass()
    expect([owner.remaking.progress, keptBy(), await inUse()]).toEqual([{ labels: 0, policies: 0 }, 0, 2])
  })
})

test("a grant that is made after a rekey is for what was encrypted before it too", async () => {
  const before = await grove.encrypt(owner, label)
  await owner.rekey()
  await pass()
  const after = await grove.encrypt(owner, label)
  const policy = unwrap(await grant())
  await pass()
  expect(epochsOf(policy)).toEqual([2, 1])
  for (const file of [before, after]) expect(await grove.read(reader, file)).toBe("opened")
})

test("a home that lost its labels finds those that it granted by their keys, and grants follow from there", async () => {
  const before = await grove.encrypt(owner, label)
  const policy = unwrap(await grant())
  await owner.rekey()
  await pass()
  unwrap(await owner.storage.write([{ kind: "remove", collection: "label", key: label }], call))
  await owner.rekey()
  await pass()
  expect((await grove.encrypt(owner, label)).header.epoch).toBe(2)
  await pass()
  const after = await grove.encrypt(owner, label)
  expect([after.header.epoch, epochsOf(policy)]).toEqual([3, [1, 2, 3]])
  for (const file of [before, after]) expect(await grove.read(reader, file)).toBe("opened")
})

test("a label's record of before there were rekeys is read as one whose key was used", async () => {
  const before = await grove.encrypt(owner, label)
  const value = { epoch: before.header.epoch, labelKey: before.header.labelKey }
  unwrap(await owner.storage.write([{ kind: "put", collection: "label", key: label, value }], call))
  await owner.rekey()
  await pass()
  expect(epochsOf(unwrap(await grant()))).toEqual([2])
  await pass()
  expect(await grove.read(reader, before)).toBe("opened")
})

test("a proxy that has not heard of a reader's rekey asks the ledger before it refuses", async () => {
  const file = await grove.encrypt(owner, label)
  unwrap(await grant())
  await grove.settle()
  for (const { key } of proxies) grove.lines.cut(key, grove.host.signingKey)
  await reader.rekey()
  await grove.settle()
  expect(await grove.read(reader, file)).toBe("NOT_READER")
  grove.lines.mendAll()
  expect(await grove.read(reader, file)).toBe("opened")
})

test("a key of a label that nothing was encrypted under needs no policy", async () => {
  await grove.encrypt(owner, label)
  for (let epoch = 2; epoch <= 4; epoch++) {
    await owner.rekey()
    await pass()
  }
  const policy = unwrap(await grant())
  await pass()
  expect(epochsOf(policy)).toEqual([4, 1])
})

test("grants of a node that rekeys again before they are made are made under the last key", async () => {
  await grove.encrypt(owner, label)
  const policy = unwrap(await grant())
  for (const { key } of proxies) grove.lines.cut(owner.key, key)
  await owner.rekey()
  await pass()
  await owner.rekey()
  grove.lines.mendAll()
  await pass()
  expect(epochsOf(policy)).toEqual([1, 3])
  const after = await grove.encrypt(owner, label)
  expect([after.header.epoch, await grove.read(reader, after)]).toEqual([3, "opened"])
})

test(
  "an owner that is killed anywhere in its rekey, or in making its grants again, ends both when it is back",
  { timeout: 300_000 },
  async () => {
    const before = await grove.encrypt(owner, label)
    const policy = unwrap(await grant())
    let deaths = 0
    for (let atEffect = 1, isOver = false; !isOver; atEffect++) {
      for (const when of ["before", "after"] as const) {
        owner.life.arm({ atEffect, when })
        await owner.rekey()
        await grove.pass(2_000)
        isOver = !owner.life.isDead
        if (!isOver) deaths++
        await owner.restart()
        await pass()
        const { epoch } = owner.identity.keys
        const after = await grove.encrypt(owner, label)
        const story = `${when} effect ${atEffect}, epoch ${epoch}`
        expect(after.header.epoch, story).toBe(epoch)
        expect(new Set(epochsOf(policy)).size, story).toBe(epochsOf(policy).length)
        for (const file of [before, after]) expect(await grove.read(reader, file), story).toBe("opened")
        expect(unwrap(await owner.storage.list("grant-job", { limit: 10 }, call)), story).toEqual([])
        expect(keptBy(), story).toBe(3 * policiesOf(policy).length)
      }
    }
    // The statement, the job, three fragments, the policy, the end of the job, and the label's move.
    expect(deaths).toBe(16)
  },
)

describe("a rekey in the middle", () => {
  test.each(["owner", "reader", "p1"])("of a grant, of %s: the grant stands", async (name) => {
    await grove.encrypt(owner, label)
    const hasty = grove.members.find((member) => member.name === name)
    const [granted] = await Promise.all([grant(), hasty?.rekey()])
    await pass()
    expect(granted).toMatchObject({ ok: true })
    expect(await grove.read(reader, await grove.encrypt(owner, label))).toBe("opened")
  })

  test.each(["owner", "reader", "p1"])("of a reading, of %s: the file opens", async (name) => {
    const file = await grove.encrypt(owner, label)
    unwrap(await grove.grant({ owner, reader, label, threshold: 4, shares: 4, expiresAt: grove.at(DAY_MS) }))
    const hasty = grove.members.find((member) => member.name === name)
    const [outcome] = await Promise.all([grove.read(reader, file), hasty?.rekey()])
    expect(outcome).toBe("opened")
    expect(await grove.read(reader, file)).toBe("opened")
  })

  test("of a proxy that keeps a fragment: its receipt counts under its new key, which the policy names", async () => {
    await grove.encrypt(owner, label)
    const hasty = proxies[0] ?? owner
    beforeFirst(hasty, async () => await hasty.rekey())
    const policy = unwrap(await grove.grant({ owner, reader, label, threshold: 4, shares: 4, expiresAt: grove.at(DAY_MS) })).grant
    expect(hasty.identity.keys.epoch).toBe(2)
    expect(policy.proxies.map(({ signingKey }) => toHex(signingKey))).toContain(toHex(hasty.key))
  })

  test("of a proxy that is asked to re-encrypt: it answers the request that names its key before, which need not be repeated", async () => {
    const file = await grove.encrypt(owner, label)
    unwrap(await grove.grant({ owner, reader, label, threshold: 4, shares: 4, expiresAt: grove.at(DAY_MS) }))
    await grove.settle()
    const hasty = proxies[0] ?? owner
    const asked = beforeFirst(hasty, async () => await hasty.rekey())
    expect(await grove.read(reader, file)).toBe("opened")
    expect([hasty.identity.keys.epoch, asked.count]).toEqual([2, 1])
  })

  test("of a proxy leaves requests that name its key before good for as long as clocks may differ, and no longer", async () => {
    const file = await grove.encrypt(owner, label)
    const { policyId } = unwrap(await grant()).grant
    await grove.settle()
    const [hasty] = grove.proxiesOf(unwrap(policyAt(policyId)))
    if (hasty === undefined) throw new TypeError("the policy has proxies")
    const before = hasty.key
    await hasty.rekey()
    await grove.settle()
    expect(await reencrypt(hasty, policyId, file.header.capsule, before)).toBe("fragments")
    await grove.pass(MAX_CLOCK_SKEW_MS + 1)
    expect(await reencrypt(hasty, policyId, file.header.capsule, before)).toBe("NOT_READER")
    expect(await reencrypt(hasty, policyId, file.header.capsule, hasty.key)).toBe("fragments")
  })

  test("of a revocation: it stands, and every proxy confirms", async () => {
    const file = await grove.encrypt(owner, label)
    const { policyId } = unwrap(await grant()).grant
    const everyone = [owner, ...proxies].map(async (member) => await member.rekey())
    const [revoked] = await Promise.all([revokePolicy(owner.context, policyId, call), ...everyone])
    expect(revoked).toMatchObject({ ok: true })
    await pass()
    expect(await grove.read(reader, file)).toBe("POLICY_REVOKED")
    expect(keptBy()).toBe(0)
  })
})
