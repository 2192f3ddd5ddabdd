import { expect, test } from "vitest"
import { grantText, type GrantWaiting } from "./grant-unlocking.ts"

const waiting: GrantWaiting = {
  owner: "/desk",
  label: "start/server",
  reader: "kg1reader",
  code: "NO_POLICY",
  message: "not granted",
  isUpToDate: true,
  rounds: 1,
}

test("what a locked node waits for is said with what to do", () => {
  expect(grantText(waiting)).toBe(
    "waits until /desk grants it: `keygrove grant start/server --to kg1reader -m M -n N --expires TIME` there",
  )
  expect(grantText({ ...waiting, isUpToDate: false })).toMatch(/ there; the ledger's host is out of reach, or does not know/)
  const few = { ...waiting, policy: "ab", code: "NOT_ENOUGH_PROXIES", message: "1 of the 2 fragments needed" }
  expect(grantText(few)).toBe("granted by /desk, and waits for proxies: NOT_ENOUGH_PROXIES: 1 of the 2 fragments needed")
})
