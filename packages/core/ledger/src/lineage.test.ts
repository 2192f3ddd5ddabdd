import { unwrap } from "@keygrove/base"
import { describe, expect, test } from "vitest"
import { emptyLedger, foldEntry } from "./chain.ts"
import {
  clusterEntry,
  kitChild,
  kitPrimitives,
  kitRoot,
  nodeEntry,
  nodeRevokedEntry,
  rekeyEntry,
  type KitNode,
} from "./ledger-kit.contract.ts"
import { NodeHistory, type Lineage } from "./lineage.ts"

const root = kitRoot("alice")
const bob = kitRoot("bob")
const laptop = kitChild(root, "/laptop")
const laptop2 = kitChild(root, "/laptop", 2)
const phone = kitChild(root, "/laptop/phone")
const phone2 = kitChild(root, "/laptop/phone", 2)
const watch = kitChild(root, "/laptop/phone/watch")

function historyOf(...entries: readonly Uint8Array[]): NodeHistory {
  const history = new NodeHistory()
  let ledger = emptyLedger()
  for (const bytes of [clusterEntry(root), clusterEntry(bob), ...entries]) {
    const folded = unwrap(foldEntry(kitPrimitives, ledger, bytes))
    ledger = folded.ledger
    history.record(folded.judged)
  }
  return history
}

const named = (lineage: Lineage): readonly string[] => lineage.map(({ generation, path }) => `${path} ${generation}`)
const lineage = (history: NodeHistory, node: KitNode, generation?: number): readonly string[] =>
  named(unwrap(history.lineageOf(node, generation)))

describe("lineage", () => {
  const family = [nodeEntry(root, laptop), rekeyEntry(laptop, 1), nodeEntry(laptop, phone), rekeyEntry(phone, 1), rekeyEntry(phone, 2)]
  const later = [nodeEntry(root, laptop2), rekeyEntry(laptop2, 1), nodeEntry(laptop2, phone2)]

  test("goes through the generations that certified, not through those that stand", () => {
    const history = historyOf(...family, nodeEntry(phone, watch), ...later)
    expect(lineage(history, phone2)).toEqual(["/laptop 2", "/laptop/phone 2"])
    expect(lineage(history, phone, 1)).toEqual(["/laptop 1", "/laptop/phone 1"])
    expect(lineage(history, watch)).toEqual(["/laptop 1", "/laptop/phone 1", "/laptop/phone/watch 1"])
    expect(lineage(history, laptop)).toEqual(["/laptop 2"])
  })

  test("knows nodes that were revoked, and their last epoch", () => {
    const history = historyOf(...family, nodeRevokedEntry(root, laptop, { isLast: true }))
    const found = unwrap(history.lineageOf(phone)).at(-1)
    expect(found).toMatchObject({ certifiedAt: 4, lastRekey: { epoch: 2, at: 6 } })
    expect(unwrap(historyOf(...family, ...later).lineageOf(phone2)).at(-1)?.lastRekey).toBeUndefined()
  })

  test("takes nothing from entries without effect", () => {
    // A certificate of a parent that was replaced, and one of a stranger.
    const history = historyOf(...family, ...later.slice(0, 2), nodeEntry(laptop, phone2), nodeEntry(bob, laptop2))
    expect(lineage(history, phone)).toEqual(["/laptop 1", "/laptop/phone 1"])
    expect(history.lineageOf(phone, 2)).toMatchObject({ code: "NODE_GENERATION_UNKNOWN" })
  })

  test("refuses nodes and generations that never were, and tells clusters apart", () => {
    const bobs = kitChild(bob, "/laptop")
    const history = historyOf(...family, nodeEntry(bob, bobs))
    expect(history.lineageOf(kitChild(root, "/server"))).toMatchObject({ code: "NODE_UNKNOWN" })
    expect(history.lineageOf(kitChild(bob, "/laptop/phone"))).toMatchObject({ code: "NODE_UNKNOWN" })
    expect(history.lineageOf(phone, 3)).toMatchObject({
      code: "NODE_GENERATION_UNKNOWN",
      message: "/laptop/phone never had generation 3; the ledger knows 1",
    })
    expect(history.clustersOf(laptop.path)).toEqual([root.cluster, bob.cluster])
    expect(history.clustersOf(phone.path)).toEqual([root.cluster])
  })
})
