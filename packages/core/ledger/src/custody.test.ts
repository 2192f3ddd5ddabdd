import {
  currentGeneration,
  findSharing,
  isOver,
  MAX_OPEN_GENERATIONS,
  needsGeneration,
  owersOf,
  sharingsOf,
  startingGeneration,
} from "@keygrove/pieces"
import { describe, expect, test } from "vitest"
import { KitCustody, kitBootKeys, kitGeneration } from "./custody-kit.contract.ts"
import {
  clusterEntry,
  kitBytes,
  kitChild,
  kitEntry,
  kitKey,
  kitRekey,
  kitRoot,
  nodeEntry,
  nodeRevokedEntry,
  rekeyEntry,
  rootReplacedEntry,
  signingName,
} from "./ledger-kit.contract.ts"
import { findBootKey } from "./state.ts"

const numbers = (kit: KitCustody): readonly number[] => [...kit.custody.generations.values()].map(({ generation }) => generation)

describe("members", () => {
  test("join, say where they are now, leave and join again, each with a higher revision", () => {
    const kit = new KitCustody("members", 2, 1)
    const [a, b] = [kit.node(1), kit.node(2)]
    expect(kit.join(b, { revision: 5, unlock: "approve", addresses: [] })).toBe("applied")
    expect(kit.custody.members.get(b.path)).toMatchObject({ revision: 5, unlock: "approve", addresses: [], wipedUpTo: 0 })
    const since = kit.custody.members.get(b.path)?.since
    expect(kit.join(b, { revision: 5 })).toBe("MEMBER_REVISION_STALE")
    expect(kit.join(b, { revision: 6 })).toBe("applied")
    expect(kit.custody.members.get(b.path)?.since).toBe(since)
    expect(kit.leave(b, 6)).toBe("MEMBER_REVISION_STALE")
    expect(kit.leave(b, 7)).toBe("applied")
    expect(kit.leave(b, 8)).toBe("MEMBER_UNKNOWN")
    expect(kit.join(b, { revision: 7 })).toBe("MEMBER_REVISION_STALE")
    expect(kit.join(b, { revision: 8 })).toBe("applied")
    expect(kit.custody.members.get(b.path)?.since).toBeGreaterThan(since ?? 0)
    expect([...kit.custody.members.values()].map(({ path }) => path)).toEqual([a.path, b.path])
  })

  test("say so with their current key, and are nodes", () => {
    const kit = new KitCustody("authors", 2, 0)
    const a = kit.node(1)
    expect(kit.rekey(a)).toBe("applied")
    const body = { revision: 1, ...kitBootKeys(a), unlock: "auto" as const, addresses: [] }
    expect(kit.append(kitEntry({ kind: "custody-joined", body }, a, signingName(a, 1)))).toEqual(["AUTHOR_KEY_WRONG"])
    const stranger = kitChild(kit.root, "/stranger")
    expect(kit.append(kitEntry({ kind: "custody-joined", body }, stranger, signingName(stranger, 1)))).toEqual(["AUTHOR_UNKNOWN"])
    expect(kit.join(a)).toBe("applied")
  })

  test("are 255 at most; saying where one is, and leaving, is never limited", () => {
    const kit = new KitCustody("full", 256, 255)
    expect(kit.custody.members.size).toBe(255)
    expect(kit.join(kit.node(256))).toBe("MEMBER_LIMIT")
    expect(kit.join(kit.node(7))).toBe("applied")
    expect(kit.leave(kit.node(7))).toBe("applied")
    expect(kit.join(kit.node(256))).toBe("applied")
  })

  test.each(["generation-started", "generation-aborted"] as const)("alone may say %s", (kind) => {
    const kit = new KitCustody("outsiders", 4, 3)
    kit.start(kit.node(1))
    expect(kit.say(kit.node(4), { kind, body: { generation: kitGeneration(kind === "generation-started" ? 2 : 1) } })).toBe(
      "MEMBER_UNKNOWN",
    )
  })

  test("alone may share, move, hold and wipe", () => {
    const kit = new KitCustody("outsiders", 4, 3)
    kit.complete()
    const d = kit.node(4)
    expect(kit.share(d)).toBe("MEMBER_UNKNOWN")
    expect(kit.wipe(d, 1)).toBe("MEMBER_UNKNOWN")
    expect(kit.hold(d, [{ owner: kit.node(1).path, generation: kitGeneration(1), sharing: kitBytes("x") }])).toBe("MEMBER_UNKNOWN")
    const move = { owner: kit.node(1).path, generation: kitGeneration(2), from: kitGeneration(1) }
    expect(kit.say(d, { kind: "redistribution-started", body: { ...move, attempt: 1 } })).toBe("MEMBER_UNKNOWN")
  })
})

describe("a boot key", () => {
  test("is one node's for ever, and is found by it", () => {
    const kit = new KitCustody("boot keys", 2, 1)
    const [a, b] = [kit.node(1), kit.node(2)]
    const { bootSigningKey } = kitBootKeys(a)
    expect(findBootKey(kit.ledger.state, bootSigningKey)).toMatchObject({ node: { path: a.path }, member: { path: a.path } })
    expect(kit.join(b, kitBootKeys(a))).toBe("BOOT_KEY_REUSED")
    expect(kit.custody.members.has(b.path)).toBe(false)
    expect(kit.join(a, kitBootKeys(a, 2))).toBe("applied")
    expect(findBootKey(kit.ledger.state, bootSigningKey)).toEqual({ node: { cluster: a.cluster, path: a.path } })
    expect(kit.join(b, kitBootKeys(a))).toBe("BOOT_KEY_REUSED")
    expect(kit.leave(a)).toBe("applied")
    expect(findBootKey(kit.ledger.state, kitBootKeys(a, 2).bootSigningKey)).toEqual({ node: { cluster: a.cluster, path: a.path } })
    expect(kit.join(b, kitBootKeys(a))).toBe("BOOT_KEY_REUSED")
    expect(kit.join(a, kitBootKeys(a))).toBe("applied")
    expect(findBootKey(kit.ledger.state, kitKey("nobody"))).toBeUndefined()
  })

  test("is no signing key, and becomes none", () => {
    const kit = new KitCustody("boot and signing keys", 2, 0)
    const [a, b] = [kit.node(1), kit.node(2)]
    expect(kit.join(a, { bootSigningKey: kitKey(signingName(b, 1)) })).toBe("BOOT_KEY_REUSED")
    expect(kit.join(a, { bootSigningKey: kitRekey(b, 2).keys.signingKey })).toBe("applied")
    expect(kit.rekey(b)).toBe("REKEY_KEY_REUSED")
  })

  test("stays with a machine whose node is replaced or moves below another root", () => {
    const kit = new KitCustody("old root", 1)
    const a = kit.node(1)
    const [next, replaced] = [kitRoot("next root"), kitChild(kit.root, a.path, 2)]
    const moved = kitChild(next, a.path)
    expect(kit.append(nodeEntry(kit.root, replaced), rekeyEntry(replaced, 1))).toEqual(["applied", "applied"])
    expect(kit.join(replaced, { revision: 1 })).toBe("applied")
    kit.append(clusterEntry(next), nodeEntry(next, moved), rekeyEntry(moved, 1))
    expect(kit.join(moved, kitBootKeys(a))).toBe("BOOT_KEY_REUSED")
    expect(kit.append(rootReplacedEntry(kit.root, next))).toEqual(["applied"])
    expect(kit.join(moved, kitBootKeys(a))).toBe("applied")
    expect(findBootKey(kit.ledger.state, kitBootKeys(a).bootSigningKey)).toMatchObject({
      node: { cluster: next.cluster },
      member: { path: a.path },
    })
  })
})

describe("a generation", () => {
  test("starts with all that stand, 3 at least, under the next number", () => {
    const kit = new KitCustody("starts", 3, 2)
    const [a, c] = [kit.node(1), kit.node(3)]
    expect(kit.start(a)).toBe("KEY_GENERATION_MEMBERS_FEW")
    expect(needsGeneration(kit.custody)).toBe(false)
    kit.join(c)
    expect(needsGeneration(kit.custody)).toBe(true)
    expect(kit.start(a, 2)).toBe("KEY_GENERATION_NUMBER_WRONG")
    expect(kit.start(a, 1)).toBe("applied")
    expect(needsGeneration(kit.custody)).toBe(false)
    expect(startingGeneration(kit.custody)).toMatchObject({ generation: 1, startedBy: a.path })
    expect(kit.generation().members.map(({ path }) => path)).toEqual(kit.nodes.map(({ path }) => path))
    expect(kit.start(a, 1)).toBe("KEY_GENERATION_NUMBER_WRONG")
    expect(kit.start(a, 2)).toBe("KEY_GENERATION_STARTING")
  })

  test("that is starting is over when another starts with other members", () => {
    const kit = new KitCustody("superseded", 4, 3)
    kit.start(kit.node(1))
    kit.share(kit.node(1))
    kit.join(kit.node(4))
    expect(needsGeneration(kit.custody)).toBe(true)
    expect(kit.start(kit.node(4))).toBe("applied")
    expect([numbers(kit), isOver(kit.custody, kitGeneration(1)), isOver(kit.custody, kitGeneration(3))]).toEqual([[2], true, false])
  })

  test("of members that came back is another one, too", () => {
    const kit = new KitCustody("came back", 3)
    kit.start(kit.node(1))
    kit.leave(kit.node(3))
    kit.join(kit.node(3))
    expect(kit.share(kit.node(3))).toBe("KEY_GENERATION_FOREIGN")
    expect(kit.start(kit.node(3))).toBe("applied")
  })

  test("is aborted while it starts, and its number is gone", () => {
    const kit = new KitCustody("aborted", 3)
    const [a, b] = [kit.node(1), kit.node(2)]
    expect(kit.abort(a, 1)).toBe("KEY_GENERATION_UNKNOWN")
    kit.start(a)
    kit.share(a)
    expect(kit.abort(b)).toBe("applied")
    expect(kit.abort(b, 1)).toBe("KEY_GENERATION_UNKNOWN")
    expect(kit.start(a, 1)).toBe("KEY_GENERATION_NUMBER_WRONG")
    kit.complete()
    expect(kit.abort(a, 2)).toBe("KEY_GENERATION_COMPLETE")
    expect(numbers(kit)).toEqual([2])
  })

  test("is complete with a majority of sharers, and stays so when one of them is revoked", () => {
    const kit = new KitCustody("complete", 5)
    kit.start(kit.node(1))
    kit.share(kit.node(1))
    kit.share(kit.node(2))
    expect(currentGeneration(kit.custody)).toBeUndefined()
    kit.share(kit.node(3))
    expect(currentGeneration(kit.custody)).toMatchObject({ generation: 1, completedAt: kit.entries.length - 1 })
    expect(owersOf(kit.custody, kit.generation()).map(({ member }) => member.path)).toEqual([kit.node(4).path, kit.node(5).path])
    expect(kit.append(nodeRevokedEntry(kit.root, kit.node(1)))).toEqual(["applied"])
    expect(currentGeneration(kit.custody)?.sharings.size).toBe(2)
    expect(kit.share(kit.node(4))).toBe("applied")
  })

  test("that is starting does not count those who ended among its sharers", () => {
    const kit = new KitCustody("ended sharers", 5)
    kit.start(kit.node(1))
    kit.share(kit.node(1))
    kit.share(kit.node(2))
    kit.append(nodeRevokedEntry(kit.root, kit.node(1)))
    kit.share(kit.node(3))
    expect(currentGeneration(kit.custody)).toBeUndefined()
    kit.share(kit.node(4))
    expect(currentGeneration(kit.custody)?.generation).toBe(1)
  })

  test("is retired when all that shared in it have a sharing in a newer complete one", () => {
    const kit = new KitCustody("retired", 3)
    kit.complete()
    kit.complete(2)
    expect(numbers(kit)).toEqual([1, 2])
    kit.share(kit.node(3))
    expect([numbers(kit), isOver(kit.custody, kitGeneration(1))]).toEqual([[2], true])
    expect(kit.share(kit.node(3), 2)).toBe("SHARING_DUPLICATE")
  })

  test("is not kept by one that never shared in it, nor by one that ended", () => {
    const kit = new KitCustody("kept by nobody", 5)
    kit.complete(4)
    kit.complete(3)
    expect(numbers(kit)).toEqual([1, 2])
    kit.append(nodeRevokedEntry(kit.root, kit.node(4)))
    expect(numbers(kit)).toEqual([2])
  })

  test("is not kept by a sharing that can never be opened again", () => {
    const kit = new KitCustody("lost", 5)
    kit.complete(5)
    const away = kit.node(5)
    kit.complete(4)
    kit.leave(kit.node(1))
    expect(numbers(kit)).toEqual([1, 2])
    // 2 of 4 holders are left, 3 are needed.
    kit.wipe(kit.node(2), 1)
    expect(numbers(kit)).toEqual([2])
    expect(sharingsOf(kit.custody, away.path)).toEqual([])
  })

  test("is kept for an owner whose newer sharing too few keep", () => {
    const kit = new KitCustody("too few keep", 5)
    kit.complete()
    const [a, d, e] = [kit.node(1), kit.node(4), kit.node(5)]
    kit.start(a)
    for (const owner of kit.nodes) {
      const others = kit.nodes.filter(({ path }) => path !== owner.path).map(({ path }) => path)
      if (owner !== d) kit.share(owner, 2, { holders: owner === a ? others.slice(0, 3) : others })
    }
    expect(kit.wipe(d, 2)).toBe("applied")
    kit.share(d, 2)
    // Two are left that keep the piece of the first, who has three in generation 1; the last takes one of the newer, too.
    expect(numbers(kit)).toEqual([1, 2])
    const sharing = findSharing(kit.custody, a.path, kitGeneration(2))
    expect(sharing?.held).toEqual([2, 3])
    expect(kit.hold(e, [{ owner: a.path, generation: kitGeneration(2), sharing: sharing?.id ?? kitBytes("none") }])).toBe("applied")
    expect(numbers(kit)).toEqual([2])
  })

  test("is one of 16 complete ones at most, until one of those for whom they are kept has a newer sharing", () => {
    const kit = new KitCustody("limit", 32)
    const holders = kit.nodes.slice(0, 18).map(({ path }) => path)
    for (let away = 0; away < MAX_OPEN_GENERATIONS; away++) kit.complete(32 - away, holders)
    expect(numbers(kit)).toHaveLength(MAX_OPEN_GENERATIONS)
    expect(kit.start(kit.node(1))).toBe("KEY_GENERATION_LIMIT")
    // The last that fell behind shares again.
    expect(kit.share(kit.node(18))).toBe("applied")
    expect(numbers(kit)).toHaveLength(MAX_OPEN_GENERATIONS - 1)
    expect(kit.start(kit.node(1))).toBe("applied")
    expect(kit.abort(kit.node(1))).toBe("applied")
    for (const node of [1, 2]) kit.start(kit.node(node))
    expect(kit.wipe(kit.node(2), 3)).toBe("applied")
    expect(kit.leave(kit.node(32))).toBe("applied")
  })
})
