import { expect, test } from "vitest"
import { delegationLines } from "./delegation-lines.ts"

const start = {
  owner: "/desk",
  cluster: "ab",
  label: "start/server",
  epoch: 1,
  reader: "kg1reader",
  policy: null,
  problem: { code: "POLICY_REVOKED", message: "it was revoked" },
}

test("says what is to be done, and what there is", () => {
  const todo = delegationLines({ isChosen: true }, start)
  expect(todo[1]).toBe("to do: on /desk, run `keygrove grant start/server --to kg1reader -m 2 -n 3 --expires 90d`")
  expect(todo[2]).toBe("now: POLICY_REVOKED: it was revoked")
  const policy = { id: "0123456789abcdef0123", threshold: 2, shares: 3, expiresAt: new Date(1_900_000_000_000) }
  const granted = delegationLines({ isChosen: false }, { ...start, policy, problem: null })
  expect(granted[0]).toMatch(/give the card again/)
  expect(granted.slice(1)).toEqual([
    "granted until 2030-03-17 17:46 UTC, by any 2 of 3 proxies (policy 0123456789abcdef)",
    "whoever has this machine's disk starts it too, until /desk runs `keygrove revoke 0123456789abcdef`",
  ])
})
