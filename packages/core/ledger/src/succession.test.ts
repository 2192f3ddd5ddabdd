import { describe, expect, test } from "vitest"
import {
  anchorName,
  clusterEntry,
  kitBytes,
  kitChild,
  kitEntry,
  kitFold,
  kitGrant,
  kitRoot,
  nodeEntry,
  nodeRevokedEntry,
  rekeyEntry,
  rootReplacedEntry,
  signingName,
  type KitNode,
} from "./ledger-kit.contract.ts"
import { MAX_SUCCESSIONS } from "./limits.ts"
import { findNode, findPolicy, type LedgerState } from "./state.ts"
import { movedNode, succeeds, successorsOf } from "./succession.ts"

interface Family {
  readonly root: KitNode
  readonly laptop: KitNode
  readonly phone: KitNode
  readonly server: KitNode
  readonly entries: readonly Uint8Array[]
}

function family(name: string): Family {
  const root = kitRoot(name)
  const [laptop, server] = [kitChild(root, "/laptop"), kitChild(root, "/server")]
  const phone = kitChild(root, "/laptop/phone")
  const certified = [nodeEntry(root, laptop), nodeEntry(root, server), nodeEntry(laptop, phone)]
  return {
    root,
    laptop,
    phone,
    server,
    entries: [clusterEntry(root), ...certified, ...[laptop, phone, server].map((node) => rekeyEntry(node, 1))],
  }
}

const [old, next, last, stranger] = [family("old"), family("next"), family("last"), family("stranger")]

function grant(name: string, owner: KitNode, continues?: string): Uint8Array {
  const body = kitGrant(name, { node: owner, epoch: 1 }, [{ node: stranger.server, epoch: 1 }])
  const continued = continues === undefined ? body : { ...body, continues: kitBytes(`policy ${continues}`) }
  return kitEntry({ kind: "policy-granted", body: continued }, owner, signingName(owner, 1))
}

function endPolicy(name: string, by: KitNode, key = signingName(by, 1)): Uint8Array {
  return kitEntry({ kind: "policy-revoked", body: { policyId: kitBytes(`policy ${name}`) } }, by, key)
}

const settled = [
  ...old.entries,
  ...stranger.entries,
  grant("of laptop", old.laptop),
  grant("of phone", old.phone),
  ...next.entries,
  rootReplacedEntry(old.root, next.root),
]
const verdict = (...entries: readonly Uint8Array[]): string | undefined => kitFold([...settled, ...entries]).verdicts.at(-1)
const livePolicies = (state: LedgerState): readonly number[] =>
  [old, next, last].map(({ root }) => state.clusters.get(root.cluster)?.livePolicies.size ?? 0)

describe("a node of the cluster that stands for another one", () => {
  test("ends what the same path granted, or one below it, and no other", () => {
    expect(verdict(endPolicy("of laptop", next.laptop))).toBe("applied")
    expect(verdict(endPolicy("of phone", next.phone))).toBe("applied")
    expect(verdict(endPolicy("of phone", next.laptop))).toBe("applied")
    expect(verdict(endPolicy("of phone", next.root, anchorName(next.root)))).toBe("applied")
    expect(verdict(endPolicy("of laptop", next.phone))).toBe("POLICY_OWNER_WRONG")
    expect(verdict(endPolicy("of laptop", next.server))).toBe("POLICY_OWNER_WRONG")
    expect(verdict(endPolicy("of laptop", stranger.laptop))).toBe("POLICY_OWNER_WRONG")
    expect(verdict(nodeRevokedEntry(next.laptop, next.phone), endPolicy("of phone", next.phone))).toBe("AUTHOR_UNKNOWN")
  })

  test("continues what the same path granted, and no other", () => {
    expect(verdict(grant("more", next.laptop, "of laptop"))).toBe("applied")
    expect(verdict(grant("more", next.laptop, "of phone"))).toBe("POLICY_CONTINUES_WRONG")
    expect(verdict(grant("more", next.phone, "of laptop"))).toBe("POLICY_CONTINUES_WRONG")
    expect(verdict(grant("more", stranger.laptop, "of laptop"))).toBe("POLICY_CONTINUES_WRONG")
    expect(verdict(endPolicy("of laptop", old.laptop), grant("more", next.laptop, "of laptop"))).toBe("POLICY_CONTINUES_REVOKED")
    // The key of before grants nothing any more.
    expect(verdict(grant("more", old.laptop, "of laptop"))).toBe("CLUSTER_REPLACED")
  })

  test("does so only after the root stepped down, and not the other way round", () => {
    const before = settled.slice(0, -1)
    expect(kitFold([...before, endPolicy("of laptop", next.laptop)]).verdicts.at(-1)).toBe("POLICY_OWNER_WRONG")
    expect(kitFold([...before, grant("more", next.laptop, "of laptop")]).verdicts.at(-1)).toBe("POLICY_CONTINUES_WRONG")
    expect(verdict(grant("of next", next.laptop), endPolicy("of next", old.laptop))).toBe("POLICY_OWNER_WRONG")
  })

  test("has a grant that ends in one, in both clusters, whoever of them ends it", () => {
    const continued = kitFold([...settled, grant("more", next.laptop, "of laptop")]).ledger
    expect(livePolicies(continued.state)).toEqual([2, 1, 0])
    for (const end of [endPolicy("more", next.laptop), endPolicy("of laptop", next.laptop), endPolicy("of laptop", old.laptop)]) {
      const { ledger, verdicts } = kitFold([end], continued)
      expect(verdicts).toEqual(["applied"])
      for (const name of ["of laptop", "more"])
        expect(findPolicy(ledger.state, kitBytes(`policy ${name}`))?.revokedAt).toBe(settled.length + 1)
      expect(livePolicies(ledger.state)).toEqual([1, 0, 0])
    }
    expect(verdict(grant("more", next.laptop, "of laptop"), endPolicy("more", old.laptop))).toBe("POLICY_OWNER_WRONG")
  })

  test("stands for those before too when roots were replaced one after the other", () => {
    const twice = [grant("more", next.laptop, "of laptop"), ...last.entries, rootReplacedEntry(next.root, last.root)]
    expect(verdict(...twice, grant("again", last.laptop, "of laptop"), endPolicy("more", last.laptop))).toBe("applied")
    expect(verdict(...twice, grant("again", last.laptop, "more"))).toBe("POLICY_CONTINUES_WRONG")
    expect(verdict(...twice, endPolicy("of phone", last.laptop))).toBe("applied")
    expect(verdict(...twice, endPolicy("of phone", next.laptop))).toBe("applied")
  })
})

describe("a node that moves", () => {
  test("is the one below the last root under which it has named keys", () => {
    const after = (...entries: readonly Uint8Array[]): LedgerState => kitFold([...settled, ...entries]).ledger.state
    const now = (state: LedgerState, node: KitNode): string | undefined => {
      const found = findNode(state, node)
      return found === undefined ? undefined : movedNode(state, found).cluster
    }
    const last2 = [rootReplacedEntry(next.root, last.root)]
    expect(now(after(), old.laptop)).toBe(next.root.cluster)
    expect(now(after(...last2), old.laptop)).toBe(next.root.cluster)
    expect(now(after(...last.entries, ...last2), old.laptop)).toBe(last.root.cluster)
    expect(now(after(nodeRevokedEntry(next.root, next.laptop)), old.laptop)).toBe(old.root.cluster)
    expect(now(after(), stranger.laptop)).toBe(stranger.root.cluster)
  })
})

describe("successions", () => {
  test("have a limit, and end where they go in a circle", () => {
    const roots = Array.from({ length: MAX_SUCCESSIONS + 2 }, (_, index) => kitRoot(`root ${index}`))
    const replaced = roots.slice(1).map((root, index) => rootReplacedEntry(roots[index] ?? root, root))
    const { state } = kitFold([...roots.map(clusterEntry), ...replaced]).ledger
    const clusters = roots.map(({ cluster }) => cluster)
    const [first = old.root.cluster] = clusters
    expect([...successorsOf(state, first)]).toEqual(clusters.slice(1, -1))
    expect(clusters.map((cluster) => succeeds(state, cluster, first))).toEqual(
      clusters.map((_, index) => index > 0 && index <= MAX_SUCCESSIONS),
    )
    const circle = [
      clusterEntry(old.root),
      clusterEntry(next.root),
      rootReplacedEntry(old.root, next.root),
      rootReplacedEntry(next.root, old.root),
    ]
    expect([...successorsOf(kitFold(circle).ledger.state, old.root.cluster)]).toHaveLength(MAX_SUCCESSIONS)
  })
})
