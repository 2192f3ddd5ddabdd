import { toHex, unwrap } from "@keygrove/base"
import { isBelow, parentPath } from "@keygrove/hierarchy"
import * as fc from "fast-check"
import { describe, expect, test } from "vitest"
import { emptyLedger, foldEntry, type FoldedLedger } from "./chain.ts"
import { decodeEntry, type Entry } from "./entry.ts"
import {
  anchorName,
  clusterEntry,
  kitChild,
  kitEntry,
  kitGrant,
  kitPrimitives,
  kitRekey,
  kitRoot,
  nodeEntry,
  rekeyEntry,
  signingName,
  termsEntry,
  kitBytes,
  type KitNode,
} from "./ledger-kit.contract.ts"
import { findNode, findNodeByKey, findPolicy } from "./state.ts"

const root = kitRoot("alice")
const laptop = kitChild(root, "/laptop")
const phone = kitChild(laptop, "/laptop/phone")
const bob = kitRoot("bob")
const at1 = (node: KitNode) => ({ node, epoch: 1 })
const grantEntry = (name: string, owner: KitNode, epoch = 1, proxies = [at1(laptop)]): Uint8Array =>
  kitEntry({ kind: "policy-granted", body: kitGrant(name, { node: owner, epoch }, proxies) }, owner, signingName(owner, epoch))
const revokeEntry = (name: string, owner: KitNode, epoch = 1): Uint8Array =>
  kitEntry({ kind: "policy-revoked", body: { policyId: kitBytes(`policy ${name}`) } }, owner, signingName(owner, epoch))

/** Folds a log; verdicts as words. */
function fold(
  entries: readonly Uint8Array[],
  from: FoldedLedger = emptyLedger(),
): { readonly ledger: FoldedLedger; readonly verdicts: string[] } {
  let ledger = from
  const verdicts: string[] = []
  for (const bytes of entries) {
    const folded = unwrap(foldEntry(kitPrimitives, ledger, bytes))
    const { verdict } = folded.judged
    verdicts.push(verdict.kind === "applied" ? "applied" : verdict.reason)
    ledger = folded.ledger
  }
  return { ledger, verdicts }
}

const base = [clusterEntry(root), nodeEntry(root, laptop), rekeyEntry(laptop, 1)]
const last = (entries: readonly Uint8Array[]): string | undefined => fold([...base, ...entries]).verdicts.at(-1)

describe("what the ledger allows", () => {
  test("a cluster is announced once, by its own root", () => {
    expect(last([clusterEntry(root)])).toBe("CLUSTER_DUPLICATE")
    expect(fold([kitEntry({ kind: "cluster", body: { anchorKey: kitBytes("x") } }, root, anchorName(root))]).verdicts).toEqual([
      "AUTHOR_KEY_WRONG",
    ])
    const thief = { ...bob, cluster: root.cluster }
    const stolen = decodeEntry(clusterEntry(bob))
    expect(stolen.ok).toBe(true)
    const body = { anchorKey: unwrap(stolen).author.key }
    expect(fold([kitEntry({ kind: "cluster", body }, thief, "root bob")]).verdicts).toEqual(["CLUSTER_FINGERPRINT_WRONG"])
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
    const { ledger, verdicts } = fold([
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

  test("old states stay as they were", () => {
    const before = fold([...base, grantEntry("p", laptop)]).ledger
    const after = fold([revokeEntry("p", laptop), rekeyEntry(laptop, 2)], before).ledger
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

/** A dumb second reducer: flat lists, rescanned for every question, written from docs/protocol/ledger.md alone. */
class NaiveLedger {
  readonly effective: Entry[] = []

  /** Certificates in force: the last for its path, with every ancestor's certificate older and by the ancestor's key in force then. */
  nodes(): Map<string, Entry> {
    const nodes = new Map<string, Entry>()
    for (const entry of this.effective) {
      const { statement, author } = entry
      if (statement?.kind === "cluster") nodes.set(`${author.cluster}/`, entry)
      if (statement?.kind !== "node") continue
      for (const key of nodes.keys()) {
        const path = key.slice(64)
        if (key.startsWith(author.cluster) && isBelow(kitChild(root, path).path, statement.body.path)) nodes.delete(key)
      }
      nodes.set(author.cluster + statement.body.path, entry)
    }
    return nodes
  }

  anchorOf(cluster: string, path: string): { readonly key: string; readonly since: number } | undefined {
    const entry = this.nodes().get(cluster + path)
    if (entry?.statement?.kind !== "node" && entry?.statement?.kind !== "cluster") return undefined
    return { key: toHex(entry.statement.body.anchorKey), since: this.effective.indexOf(entry) }
  }

  rekeys(cluster: string, path: string): Entry[] {
    const since = this.anchorOf(cluster, path)?.since ?? Number.POSITIVE_INFINITY
    return this.effective.filter(
      (entry, index) =>
        index > since && entry.statement?.kind === "rekey" && entry.author.cluster === cluster && entry.author.path === path,
    )
  }

  signingKeyOf(cluster: string, path: string): string | undefined {
    const statement = this.rekeys(cluster, path).at(-1)?.statement
    return statement?.kind === "rekey" ? toHex(statement.body.keys.signingKey) : undefined
  }

  allows({ author, statement }: Entry): boolean {
    const { cluster, path } = author
    const byAnchor = this.anchorOf(cluster, path)?.key === toHex(author.key)
    const bySigningKey = this.signingKeyOf(cluster, path) === toHex(author.key)
    const said = this.effective.flatMap((entry) =>
      entry.statement === undefined ? [] : [{ author: entry.author, statement: entry.statement }],
    )
    switch (statement?.kind) {
      case "cluster":
        return path === "/" && !said.some((other) => other.statement.kind === "cluster" && other.author.cluster === cluster)
      case "node": {
        const current = this.nodes().get(cluster + statement.body.path)?.statement
        return (
          byAnchor &&
          parentPath(statement.body.path) === path &&
          (current?.kind !== "node" || current.body.generation < statement.body.generation)
        )
      }
      case "rekey": {
        const isNew = !said.some(
          (other) =>
            other.statement.kind === "rekey" && toHex(other.statement.body.keys.signingKey) === toHex(statement.body.keys.signingKey),
        )
        return (
          byAnchor &&
          isNew &&
          statement.body.keys.epoch === this.rekeys(cluster, path).length + 1 &&
          this.isGeneration(cluster, path, statement.body.generation)
        )
      }
      case "proxy-terms": {
        const since = this.anchorOf(cluster, path)?.since ?? -1
        const revisions = this.effective.map((entry, index) =>
          index > since && entry.statement?.kind === "proxy-terms" && entry.author.cluster === cluster && entry.author.path === path
            ? entry.statement.body.revision
            : 0,
        )
        return bySigningKey && statement.body.revision > Math.max(0, ...revisions)
      }
      case "policy-granted": {
        const isNew = !said.some(
          (other) => other.statement.kind === "policy-granted" && toHex(other.statement.body.policyId) === toHex(statement.body.policyId),
        )
        return (
          bySigningKey &&
          isNew &&
          statement.body.proxies.every((proxy) => this.signingKeyOf(proxy.cluster, proxy.path) === toHex(proxy.signingKey))
        )
      }
      case "policy-revoked": {
        const about = said.filter(
          (other) => "policyId" in other.statement.body && toHex(other.statement.body.policyId) === toHex(statement.body.policyId),
        )
        const granted = about.find((other) => other.statement.kind === "policy-granted")
        return bySigningKey && granted?.author.cluster === cluster && granted.author.path === path && about.length === 1
      }
      default:
        return false
    }
  }

  isGeneration(cluster: string, path: string, generation: number): boolean {
    const statement = this.nodes().get(cluster + path)?.statement
    return (statement?.kind === "node" ? statement.body.generation : 1) === generation
  }
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
)

describe("over random histories", () => {
  test("the reducer and its naive twin agree on every entry", () => {
    fc.assert(
      fc.property(histories, (history) => {
        const { verdicts } = fold(history)
        const naive = new NaiveLedger()
        const expected = history.map((bytes) => {
          const entry = unwrap(decodeEntry(bytes))
          const allowed = naive.allows(entry)
          if (allowed) naive.effective.push(entry)
          return allowed
        })
        expect(verdicts.map((verdict) => verdict === "applied")).toEqual(expected)
      }),
      { numRuns: 100 },
    )
  })

  test("folding is deterministic, in one go or in parts", () => {
    fc.assert(
      fc.property(histories, fc.nat(80), (history, cut) => {
        const whole = fold(history).ledger
        const parts = fold(history.slice(cut), fold(history.slice(0, cut)).ledger).ledger
        expect(parts.head).toEqual(whole.head)
        for (const map of ["clusters", "policies", "signingKeys"] as const)
          expect([...parts.state[map].entries()]).toEqual([...whole.state[map].entries()])
      }),
      { numRuns: 20 },
    )
  })
})
