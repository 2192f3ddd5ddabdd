import { expect, test } from "vitest"
import { PieceHistory } from "./piece-history.ts"

/** Steps of one history. */
const STEPS = 24
/** Histories of a run that is not told otherwise, and the first of them: the same each time, so that a change is what makes one fail. */
const DEFAULT_HISTORIES = 4
const DEFAULT_SEED = 1_939_987_405

const { KEYGROVE_HISTORIES, KEYGROVE_SEED } = process.env
const first = Number(KEYGROVE_SEED ?? DEFAULT_SEED)
const count = Number(KEYGROVE_HISTORIES ?? (KEYGROVE_SEED === undefined ? DEFAULT_HISTORIES : 1))

test(`${count} random histories of key pieces from seed ${first} keep every promise`, { timeout: 300_000 + count * 90_000 }, async () => {
  expect(Number.isSafeInteger(first) && Number.isSafeInteger(count), "KEYGROVE_SEED and KEYGROVE_HISTORIES are whole numbers").toBe(true)
  for (let seed = first; seed < first + count; seed++) await tell(seed)
})

/** Runs one history. A failure names the seed that repeats it, and tells what happened before. */
async function tell(seed: number): Promise<void> {
  await using history = await PieceHistory.begin(seed)
  try {
    for (let step = 0; step < STEPS; step++) await history.step()
    await history.end()
  } catch (cause) {
    const story = history.transcript.map((line, index) => `  ${index + 1}. ${line}`).join("\n")
    throw new Error(`${String(cause)}\nRepeat it with KEYGROVE_SEED=${seed}. Until then:\n${story}`, { cause })
  }
}
