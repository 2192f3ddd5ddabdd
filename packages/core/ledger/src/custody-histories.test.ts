import { expect, test } from "vitest"
import { liveHistories } from "./custody-histories.contract.ts"

// tests/simulation/custody-histories.test.ts lives ten thousand.
test("the machine does what its naive twin does in a few hundred histories", () => {
  const verdicts = liveHistories(300, 1)
  expect(verdicts.get("applied")).toBeGreaterThan(1500)
  expect(verdicts.size).toBeGreaterThan(12)
})
