import { decodeCanonical, encodeCanonical, unwrap, type CborValue } from "@keygrove/base"
import { describe, expect, test } from "vitest"
import {
  anchorName,
  clusterEntry,
  kitChild,
  kitEntry,
  kitKey,
  kitRoot,
  nodeEntry,
  rekeyEntry,
  rootReplacedEntry,
} from "./ledger-kit.contract.ts"
import { decodeRootPlan, encodeRootPlan, MAX_ROOT_PLAN_BYTES, type RootPlan } from "./root-plan.ts"

const [old, next, other] = [kitRoot("old root"), kitRoot("next root"), kitRoot("another root")]
const [laptop, phone, server] = [kitChild(next, "/laptop"), kitChild(next, "/laptop/phone"), kitChild(next, "/server")]
const invitations = [laptop, phone, server].map(({ path }, index) => ({ path, invitation: `kginvite1${"q".repeat(index + 1)}` }))
const plan: RootPlan = {
  successor: next.cluster,
  anchorKey: kitKey(anchorName(next)),
  entries: [clusterEntry(next), nodeEntry(next, laptop), nodeEntry(laptop, phone), nodeEntry(next, server)],
  replaced: rootReplacedEntry(old, next),
  invitations,
}
const [announced = new Uint8Array(0), forLaptop = new Uint8Array(0), forPhone = new Uint8Array(0), forServer = new Uint8Array(0)] =
  plan.entries
const whyNot = (changed: Partial<RootPlan>): string => {
  const decoded = decodeRootPlan(encodeRootPlan({ ...plan, ...changed }))
  return decoded.ok ? "good" : decoded.message
}

describe("the plan of a root's replacement", () => {
  test("has one form, and says which root steps down", () => {
    const bytes = encodeRootPlan(plan)
    const opened = unwrap(decodeRootPlan(bytes))
    expect(opened).toMatchObject({ cluster: old.cluster, successor: next.cluster, invitations })
    expect(encodeRootPlan(opened)).toEqual(bytes)
    expect(whyNot({ entries: [announced], invitations: [] })).toBe("good")
  })

  test("is of one root, which steps down for the other", () => {
    expect(whyNot({ replaced: rekeyEntry(kitChild(old, "/laptop"), 1) })).toMatch("steps down")
    expect(whyNot({ replaced: rootReplacedEntry(old, other) })).toMatch("another one")
    expect(whyNot({ replaced: rootReplacedEntry(next, next) })).toMatch("another one")
    expect(whyNot({ anchorKey: kitKey(anchorName(other)) })).toMatch("another one")
    const byNode = { successor: next.cluster, anchorKey: kitKey(anchorName(next)) }
    expect(
      whyNot({
        replaced: kitEntry({ kind: "root-replaced", body: byNode }, kitChild(old, "/laptop"), anchorName(kitChild(old, "/laptop"))),
      }),
    ).toMatch("steps down")
  })

  test("certifies the nodes that it invites, each once and after its parent", () => {
    expect(whyNot({ entries: [forLaptop, forPhone, forServer] })).toMatch("announcement")
    expect(whyNot({ entries: [announced, forPhone, forLaptop, forServer] })).toMatch("before its parent")
    expect(whyNot({ entries: [announced, forLaptop, forPhone, forServer, forLaptop] })).toMatch("twice")
    expect(whyNot({ entries: [announced, forLaptop, forPhone] })).toMatch("not those that it certifies")
    expect(whyNot({ invitations: invitations.slice(1) })).toMatch("not those that it certifies")
    expect(whyNot({ invitations: [...invitations.slice(1), ...invitations.slice(1, 2)] })).toMatch("not those that it certifies")
    expect(whyNot({ entries: [announced, nodeEntry(other, kitChild(other, "/laptop"))] })).toMatch("no node of the new root")
    expect(whyNot({ entries: [announced, forLaptop, rekeyEntry(laptop, 1)] })).toMatch("no node of the new root")
  })

  test("is refused in any other form, and never thrown at", () => {
    const value = unwrap(decodeCanonical(encodeRootPlan(plan), MAX_ROOT_PLAN_BYTES))
    if (typeof value !== "object" || value === null || Array.isArray(value) || value instanceof Uint8Array)
      throw new TypeError("a plan is a map")
    const changes: readonly Readonly<Record<string, CborValue>>[] = [
      { v: 2 },
      { more: 1 },
      { successor: new Uint8Array(31) },
      { entries: [] },
      { entries: [new Uint8Array(0)] },
      { replaced: new Uint8Array(9) },
      { invitations: [{ path: "/laptop", invitation: "kginvite2q" }] },
      { invitations: [{ path: "laptop", invitation: "kginvite1q" }] },
    ]
    for (const change of changes)
      expect(decodeRootPlan(encodeCanonical({ ...value, ...change }))).toMatchObject({ ok: false, code: "ROOT_PLAN_INVALID" })
    expect(decodeRootPlan(new Uint8Array(0)).ok).toBe(false)
    expect(decodeRootPlan(Uint8Array.of(...encodeRootPlan(plan), 0)).ok).toBe(false)
  })
})
