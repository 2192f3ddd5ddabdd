import { expect, test } from "vitest"
import { faultKinds, isOfSeveral, planFaults } from "./schedule.ts"

const world = { nodes: ["n1", "n2", "n3", "n4", "n5"], members: ["etcd1", "etcd2", "etcd3"] }

test("the same seed gives the same faults, another one others", () => {
  const plan = { ...world, seed: 7, durationMs: 600_000 }
  expect(planFaults(plan)).toEqual(planFaults(plan))
  expect(planFaults({ ...plan, seed: 8 })).not.toEqual(planFaults(plan))
})

test.each(Array.from({ length: 50 }, (_, seed) => seed))(
  "a minute has faults of nearly every kind, ten of every kind (seed %d)",
  (seed) => {
    const minute = planFaults({ ...world, seed, durationMs: 60_000 })
    expect(new Set(minute.map(({ kind }) => kind)).size).toBeGreaterThanOrEqual(12)
    const ten = planFaults({ ...world, seed, durationMs: 600_000 })
    expect(new Set(ten.map(({ kind }) => kind)).size).toBe(faultKinds.length)
    expect(ten.length).toBeGreaterThan(150)
  },
)

test.each([1, 2, 3])("a fault about one machine never begins while another one is about it (seed %d)", (seed) => {
  const faults = planFaults({ ...world, seed, durationMs: 600_000 })
  for (const [index, { from, kind, machines }] of faults.entries()) {
    expect(machines.length).toBeLessThan(8)
    if (isOfSeveral(kind) || kind.endsWith("leader")) continue
    expect(machines).toHaveLength(kind === "keep node off" ? 2 : 1)
    const busy = faults.slice(0, index).filter((each) => each.to > from && !isOfSeveral(each.kind))
    for (const machine of machines) expect(busy.flatMap((each) => each.machines)).not.toContain(machine)
  }
})

test("two faults at most are at work at once, and the end is quiet", () => {
  const faults = planFaults({ ...world, seed: 1, durationMs: 60_000 })
  for (const { from } of faults) expect(faults.filter((each) => each.from <= from && each.to > from).length).toBeLessThanOrEqual(2)
  expect(Math.max(...faults.map(({ to }) => to))).toBeLessThanOrEqual(58_000)
})
