import type { NodeFacts } from "@keygrove/api"
import fc from "fast-check"
import { describe, expect, test } from "vitest"
import { branchesOf, stateOf, type Branch } from "./tree-rows.ts"

const node = (path: string, more: Partial<NodeFacts> = {}): NodeFacts => ({
  path,
  generation: 1,
  epoch: 1,
  state: "active",
  reason: null,
  at: 0,
  owesEpoch: null,
  self: false,
  ...more,
})

const paths = (branches: readonly Branch[]): readonly string[] => branches.flatMap(({ below, node: { path } }) => [path, ...paths(below)])

describe("the tree", () => {
  test("has each node below its parent, under the last part of its path", () => {
    const [laptop, tablet] = branchesOf([node("/laptop"), node("/laptop/phone"), node("/laptop/phone/watch"), node("/tablet")])
    expect(laptop).toMatchObject({ name: "laptop", below: [{ name: "phone", below: [{ name: "watch", below: [] }] }] })
    expect(tablet).toMatchObject({ name: "tablet", below: [] })
  })

  test("has a node whose parent is on another page of the list, under its whole path", () => {
    expect(branchesOf([node("/laptop/phone/watch")])).toMatchObject([{ name: "laptop/phone/watch", below: [] }])
  })

  test("has every node of any list once", () => {
    const part = fc.constantFrom("a", "b", "c")
    const names = fc.uniqueArray(
      fc.array(part, { minLength: 1, maxLength: 4 }).map((parts) => `/${parts.join("/")}`),
      { maxLength: 30 },
    )
    fc.assert(
      fc.property(names, (listed) => {
        const sorted = listed.toSorted()
        expect(paths(branchesOf(sorted.map((path) => node(path)))).toSorted()).toEqual(sorted)
      }),
    )
  })
})

test.each([
  [{}, "active", "good"],
  [{ owesEpoch: 4 }, "owes a rekey to epoch 4", "due"],
  [{ state: "invited" }, "invited", "waiting"],
  [{ state: "revoked", reason: "compromised" }, "revoked, compromised", "gone"],
  [{ state: "revoked" }, "revoked", "gone"],
  [{ state: "replaced" }, "ended with a node above it", "gone"],
] as const)("%j is %s", (facts, word, mark) => {
  expect(stateOf(node("/laptop", facts))).toEqual({ word, mark })
})
