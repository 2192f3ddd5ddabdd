import { expect, test } from "vitest"
import { HISTORY_VOID_REASONS, liveHistories } from "../../packages/core/ledger/src/custody-histories.contract.ts"

/** 10,000, or so many thousands as `KEYGROVE_HISTORIES` says; `KEYGROVE_SEED` begins with what a failure printed. */
const HISTORIES = 1000 * Number(process.env["KEYGROVE_HISTORIES"] ?? "10")
const SEED = Number(process.env["KEYGROVE_SEED"] ?? "20260101")

test(
  "the machine of custody does what its naive twin does, and nothing that must not be, in 10,000 histories",
  () => {
    const verdicts = liveHistories(HISTORIES, SEED)
    // Whoever makes the histories duller finds out here.
    expect(verdicts.get("applied")).toBeGreaterThan(5 * HISTORIES)
    const missed = HISTORY_VOID_REASONS.filter((reason) => !verdicts.has(reason))
    expect(HISTORIES < 10_000 ? [] : missed).toEqual([])
  },
  300_000 + 60 * HISTORIES,
)
