import { HexMap, OrderedMap, unwrap } from "@keygrove/base"
import * as fc from "fast-check"
import { describe, expect, test } from "vitest"
import { decodeEntry } from "./entry.ts"
import {
  anchorName,
  clusterEntry,
  kitChild,
  kitEntry,
  kitFold,
  kitGrant,
  kitRekey,
  kitRoot,
  nodeEntry,
  rekeyEntry,
  signingName,
  termsEntry,
  kitBytes,
  type KitNode,
} from "./ledger-kit.contract.ts"
import { NaiveLedger } from "./naive-ledger.contract.ts"
import { plausibleHistories, successionHistories } from "./plausible-history.contract.ts"
import { findLastKey, findNode, findNodeByKey, findPolicy, policiesOfGrant, type LedgerState } from "./state.ts"

const root = kitRoot("alice")
const laptop = kitChild(root, "/laptop")
const phone = kitChild(laptop, "/laptop/phone")
const bob = kitRoot("bob")
const at1 = (node: KitNode) => ({ node, epoch: 1 })
const grantEntry = (name: string, owner: KitNode, epoch = 1, proxies = [at1(laptop)]): Uint8Array =>
  kitEntry({ kind: "policy-granted", body: kitGrant(name, { node: owner, epoch }, proxies) }, owner, signingName(owner, epoch))
const revokeEntry = (name: string, owner: KitNode, epoch = 1): Uint8Array =>
  kitEntry({ kind: "policy-revoked", body: { policyId: kitBytes(`policy ${name}`) } }, owner, signingName(owner, epoch))

const base = [clusterEntry(root), nodeEntry(root, laptop), rekeyEntry(laptop, 1)]
const last = (entries: readonly Uint8Array[]): string | undefined => kitFold([...base, ...entries]).verdicts.at(-1)

describe("what the ledger allows", () => {
  test("a cluster is announced once, by its own root", () => {
    expect(last([clusterEntry(root)])).toBe("CLUSTER_DUPLICATE")
    expect(kitFold([kitEntry({ kind: "cluster", body: { anchorKey: kitBytes("x") } }, root, anchorName(root))]).verdicts).toEqual([
      "AUTHOR_KEY_WRONG",
    ])
    const thief = { ...bob, cluster: root.cluster }
    const stolen = decodeEntry(clusterEntry(bob))
    expect(stolen.ok).toBe(true)
    const body = { anchorKey: unwrap(stolen).author.key }
    expect(kitFold([kitEntry({ kind: "cluster", body }, thief, "root bob")]).verdicts).toEqual(["CLUSTER_FINGERPRINT_WRONG"])
  })

  test("only the parent's anchor certifies a child", () => {
    expect(last([nodeEntry(laptop, phone)])).toBe("applied")
    expect(last([nodeEntry(root, phone)])).toBe("NODE_NOT_A_CHILD")
    expect(last([nodeEntry(bob, kitChild(bob, "/server"))])).toBe("AUTHOR_UNKNOWN")
    expect(last([nodeEntry(root, laptop)])).toBe("NODE_GENERATION_STALE")
    expect(last([kitEntry({ kind: "node", body: unwrapNode(nodeEntry(laptop, phone)) }, laptop, signingName(laptop, 1))])).toBe(
      "AUTHOR_KEY_WRONG",
    )
  })

  test("a new generation replaces the node and ends all below it", () => {
    const replaced = kitChild(root, "/laptop", 2)
    const { ledger, verdicts } = kitFold([
      ...base,
      nodeEntry(laptop, phone),
      rekeyEntry(phone, 1),
      nodeEntry(root, replaced),
      nodeEntry(laptop, phone),
      rekeyEntry(phone, 1),
      termsEntry(laptop, 1, 1),
      rekeyEntry(laptop, 2),
    ])
    expect(verdicts.slice(5)).toEqual(["applied", "AUTHOR_KEY_WRONG", "AUTHOR_UNKNOWN", "AUTHOR_KEY_WRONG", "AUTHOR_KEY_WRONG"])
    expect(findNode(ledger.state, laptop)).toMatchObject({ generation: 2 })
    expect(findNode(ledger.state, laptop)?.keys).toBeUndefined()
    expect(findNode(ledger.state, phone)).toBeUndefined()
  })

  test("rekeys follow each other, prove possession, and never bring a key back", () => {
    expect(last([rekeyEntry(laptop, 2)])).toBe("applied")
    expect(last([rekeyEntry(laptop, 1)])).toBe("REKEY_EPOCH_WRONG")
    expect(last([rekeyEntry(laptop, 3)])).toBe("REKEY_EPOCH_WRONG")
    const good = kitRekey(laptop, 2)
    const asAnchor = (body: typeof good): string | undefined => last([kitEntry({ kind: "rekey", body }, laptop, anchorName(laptop))])
    expect(asAnchor({ ...good, previous: kitBytes("other") })).toBe("REKEY_PREVIOUS_WRONG")
    expect(asAnchor({ ...good, possession: new Uint8Array(64) })).toBe("REKEY_POSSESSION_UNPROVED")
    expect(asAnchor({ ...good, keys: { ...good.keys, signingKey: kitRekey(laptop, 1).keys.signingKey } })).toBe("REKEY_KEY_REUSED")
    expect(asAnchor({ ...good, generation: unwrapNode(nodeEntry(root, kitChild(root, "/laptop", 2))).generation })).toBe(
      "REKEY_GENERATION_WRONG",
    )
  })

  test("terms only count up, and only under the current signing key", () => {
    expect(last([termsEntry(laptop, 1, 1)])).toBe("applied")
    expect(last([termsEntry(laptop, 1, 2), termsEntry(laptop, 1, 1)])).toBe("PROXY_TERMS_STALE")
    expect(last([rekeyEntry(laptop, 2), termsEntry(laptop, 1, 1)])).toBe("AUTHOR_KEY_WRONG")
  })

  test("policies: unique for ever, by known owners to known proxies, revoked by their owner only", () => {
    expect(last([grantEntry("p", laptop)])).toBe("applied")
    expect(last([grantEntry("p", laptop), grantEntry("p", laptop)])).toBe("POLICY_DUPLICATE")
    expect(last([grantEntry("p", laptop), revokeEntry("p", laptop), grantEntry("p", laptop)])).toBe("POLICY_DUPLICATE")
    expect(last([grantEntry("p", laptop), revokeEntry("p", laptop), revokeEntry("p", laptop)])).toBe("POLICY_ALREADY_REVOKED")
    expect(last([revokeEntry("p", laptop)])).toBe("POLICY_UNKNOWN")
    expect(last([grantEntry("p", laptop, 1, [at1(phone)])])).toBe("POLICY_PROXY_UNKNOWN")
    const both = [nodeEntry(laptop, phone), rekeyEntry(phone, 1), grantEntry("p", laptop)]
    expect(last([...both, revokeEntry("p", phone)])).toBe("POLICY_OWNER_WRONG")
    const foreign = { ...kitGrant("q", at1(laptop), [at1(laptop)]), delegationKey: kitRekey(phone, 1).keys.delegationKey }
    expect(last([kitEntry({ kind: "policy-granted", body: foreign }, laptop, signingName(laptop, 1))])).toBe(
      "POLICY_DELEGATION_KEY_FOREIGN",
    )
    const early = { ...kitGrant("q", at1(laptop), [at1(laptop)]), epoch: kitRekey(laptop, 2).keys.epoch }
    expect(last([kitEntry({ kind: "policy-granted", body: early }, laptop, signingName(laptop, 1))])).toBe("POLICY_EPOCH_UNKNOWN")
    // After a rekey the new key revokes what the old one granted.
    expect(last([grantEntry("p", laptop), rekeyEntry(laptop, 2), revokeEntry("p", laptop, 1)])).toBe("AUTHOR_KEY_WRONG")
    expect(last([grantEntry("p", laptop), rekeyEntry(laptop, 2), revokeEntry("p", laptop, 2)])).toBe("applied")
  })

  test("a policy that continues another of the same owner ends with it, whichever of them is named", () => {
    const continuing = (name: string, first: string, owner = laptop, epoch = 1): Uint8Array => {
      const body = { ...kitGrant(name, { node: owner, epoch }, [{ node: laptop, epoch }]), continues: kitBytes(`policy ${first}`) }
      return kitEntry({ kind: "policy-granted", body }, owner, signingName(owner, epoch))
    }
    const granted = [grantEntry("p", laptop), grantEntry("other", laptop), rekeyEntry(laptop, 2), continuing("q", "p", laptop, 2)]
    const { ledger, verdicts } = kitFold([...base, ...granted, continuing("r", "p", laptop, 2)])
    expect(verdicts.every((verdict) => verdict === "applied")).toBe(true)
    const idsOf = (state: LedgerState, name: string): readonly Uint8Array[] => {
      const policy = findPolicy(state, kitBytes(`policy ${name}`))
      return policy === undefined ? [] : policiesOfGrant(state, policy).map(({ grant }) => grant.policyId)
    }
    for (const name of ["p", "q", "r"]) expect(idsOf(ledger.state, name)).toEqual(["p", "q", "r"].map((each) => kitBytes(`policy ${each}`)))
    for (const named of ["p", "q"]) {
      const revoked = kitFold([revokeEntry(named, laptop, 2), continuing("s", "p", laptop, 2), revokeEntry("r", laptop, 2)], ledger)
      expect(revoked.verdicts).toEqual(["applied", "POLICY_CONTINUES_REVOKED", "POLICY_ALREADY_REVOKED"])
      const { clusters } = revoked.ledger.state
      for (const name of ["p", "q", "r"]) expect(findPolicy(revoked.ledger.state, kitBytes(`policy ${name}`))?.revokedAt).toBe(8)
      expect([...(clusters.get(root.cluster)?.livePolicies.values() ?? [])]).toHaveLength(1)
    }
    const both = [nodeEntry(laptop, phone), rekeyEntry(phone, 1), grantEntry("p", laptop), continuing("q", "p")]
    expect(last([...both, continuing("r", "p", phone)])).toBe("POLICY_CONTINUES_WRONG")
    expect(last([...both, continuing("r", "q")])).toBe("POLICY_CONTINUES_WRONG")
    expect(last([...both, continuing("r", "nobody's")])).toBe("POLICY_CONTINUES_WRONG")
  })

  test("the last key of a generation is remembered when it has ended, under each key that it had", () => {
    const replaced = kitChild(root, "/laptop", 2)
    const history = [
      nodeEntry(laptop, phone),
      rekeyEntry(phone, 1),
      rekeyEntry(laptop, 2),
      nodeEntry(root, replaced),
      rekeyEntry(replaced, 1),
    ]
    const { state } = kitFold([...base, ...history]).ledger
    const keyOf = (node: KitNode, epoch: number): Uint8Array => kitRekey(node, epoch).keys.signingKey
    for (const epoch of [1, 2]) expect(findLastKey(state, keyOf(laptop, epoch))).toEqual(keyOf(laptop, 2))
    expect(findLastKey(state, keyOf(phone, 1))).toEqual(keyOf(phone, 1))
    expect(findLastKey(state, keyOf(replaced, 1))).toEqual(keyOf(replaced, 1))
    expect(findLastKey(state, kitBytes("nobody's"))).toBeUndefined()
  })

  test("old states stay as they were", () => {
    const before = kitFold([...base, grantEntry("p", laptop)]).ledger
    const after = kitFold([revokeEntry("p", laptop), rekeyEntry(laptop, 2)], before).ledger
    expect(findPolicy(before.state, kitBytes("policy p"))?.revokedAt).toBeUndefined()
    expect(findPolicy(after.state, kitBytes("policy p"))?.revokedAt).toBe(4)
    expect(findNodeByKey(before.state, kitRekey(laptop, 1).keys.signingKey)?.keys.epoch).toBe(1)
    expect(findNodeByKey(after.state, kitRekey(laptop, 1).keys.signingKey)).toBeUndefined()
  })
})

function unwrapNode(bytes: Uint8Array) {
  const { statement } = unwrap(decodeEntry(bytes))
  if (statement?.kind !== "node") throw new TypeError("not a node certificate")
  return statement.body
}

/** A state without its trees, whose shapes depend on the way they came about. */
function plain(value: unknown): unknown {
  if (value instanceof HexMap || value instanceof OrderedMap) return [...value.entries()].map(([key, each]) => [key, plain(each)])
  if (value === null || typeof value !== "object" || value instanceof Uint8Array) return value
  return Object.fromEntries(Object.entries(value).map(([key, each]) => [key, plain(each)]))
}

// A pool of entries that fit together in some orders only; signing them once keeps the histories fast.
const people = [root, bob]
const family = people.flatMap((person) =>
  [1, 2].flatMap((generation) => {
    const parent = kitChild(person, "/laptop", generation)
    return [parent, kitChild(parent, "/laptop/phone", 1), kitChild(parent, "/laptop/phone", 2)]
  }),
)
const parents = (node: KitNode): KitNode[] =>
  node.path === "/laptop"
    ? people.filter((person) => person.cluster === node.cluster)
    : family.filter((other) => other.path === "/laptop" && other.cluster === node.cluster)
const distinct = [...new Map(family.map((node) => [anchorName(node), node])).values()]
const pool = [
  ...people.map((person) => clusterEntry(person)),
  ...distinct.flatMap((node) => parents(node).map((parent) => nodeEntry(parent, node))),
  ...distinct.flatMap((node) => [1, 2, 3].map((epoch) => rekeyEntry(node, epoch))),
  ...distinct.flatMap((node) => [1, 2].flatMap((revision) => [termsEntry(node, 1, revision), termsEntry(node, 2, revision)])),
  ...distinct.flatMap((node, index) => [1, 2].map((epoch) => grantEntry(`${index % 3}`, node, epoch, [at1(distinct[0] ?? laptop)]))),
  ...distinct.flatMap((node) => [0, 1, 2].map((name) => revokeEntry(`${name}`, node, 1))),
]
/** Histories that favour the order of the pool, so that many entries apply. */
const historiesOf = (entries: readonly Uint8Array[]): fc.Arbitrary<Uint8Array[]> =>
  fc.array(fc.tuple(fc.nat(entries.length - 1), fc.boolean()), { minLength: 20, maxLength: 80 }).map((picks) => {
    const sorted = picks.flatMap(([index, inOrder]) => (inOrder ? [index] : [])).toSorted((a, b) => a - b)
    return picks.map(([index, inOrder]) => entries[inOrder ? (sorted.shift() ?? index) : index] ?? new Uint8Array(0))
  })
// The second kind stays within one cluster's membership, so that generations replace each other often.
const histories = fc.oneof(
  historiesOf(pool),
  historiesOf(pool.slice(0, 30)).map((history) => [...base, nodeEntry(laptop, phone), ...history]),
  plausibleHistories,
)

describe("over random histories", () => {
  test.for([
    ["of every kind", histories, 100],
    ["in which roots are replaced", successionHistories, 40],
  ] as const)("the reducer and its naive twin agree on every entry: %s", ([, each, numRuns]) => {
    fc.assert(
      fc.property(each, (history) => {
        const { verdicts } = kitFold(history)
        const naive = new NaiveLedger()
        const expected = history.map((bytes) => naive.take(bytes))
        expect(verdicts.map((verdict) => verdict === "applied")).toEqual(expected)
      }),
      { numRuns },
    )
  })

  test("folding is deterministic, in one go or in parts", () => {
    fc.assert(
      fc.property(histories, fc.nat(80), (history, cut) => {
        const whole = kitFold(history).ledger
        const parts = kitFold(history.slice(cut), kitFold(history.slice(0, cut)).ledger).ledger
        expect(parts.head).toEqual(whole.head)
        for (const map of ["clusters", "policies", "readers", "signingKeys", "anchorKeys"] as const)
          expect(plain(parts.state[map])).toEqual(plain(whole.state[map]))
      }),
      { numRuns: 20 },
    )
  })
})
