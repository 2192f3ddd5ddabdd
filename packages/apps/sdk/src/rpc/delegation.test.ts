import { expect, test } from "vitest"
import { decodeDelegation } from "./delegation.ts"

const start = {
  owner: { cluster: "ab", path: "/desk" },
  label: "start/server",
  epoch: 2,
  reader: "kg1reader",
  policy: { id: "0123", threshold: 2, shares: 3, expiresAt: 1_900_000_000_000 },
  problem: null,
}

test("reads what a start by a label is, granted or not, or that there is none", () => {
  expect(decodeDelegation("unlock.delegation", { isChosen: false, delegation: null })).toEqual({ isChosen: false, delegation: null })
  const { owner: _owner, ...same } = start
  const named = { ...same, owner: "/desk", cluster: "ab" }
  expect(decodeDelegation("unlock.delegation", { isChosen: true, delegation: start })).toEqual({
    isChosen: true,
    delegation: { ...named, policy: { ...start.policy, expiresAt: new Date(1_900_000_000_000) } },
  })
  const problem = { code: "NO_POLICY", message: "not granted" }
  expect(decodeDelegation("unlock.delegation", { isChosen: true, delegation: { ...start, policy: null, problem } }).delegation).toEqual({
    ...named,
    policy: null,
    problem,
  })
  expect(() => decodeDelegation("unlock.delegation", { isChosen: true, delegation: { ...start, owner: "/desk" } })).toThrow("owner")
})
