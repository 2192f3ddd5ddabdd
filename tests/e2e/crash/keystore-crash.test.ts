import { join } from "node:path"
import { mkdir } from "node:fs/promises"
import { nativePrimitives } from "@keygrove/curves-native"
import { createSealing } from "@keygrove/hpke"
import { systemRandom } from "@keygrove/system"
import { expect, test } from "vitest"
import { makeHome, makeStage } from "../node/node-process.ts"
import { seededNumbers } from "./history.ts"
import { CrashHistory } from "./keystore-history.ts"

/** Histories side by side, each over a home of its own: a round waits for its process to start more than it works. */
const HISTORIES = 2
/** 500 in all; more for a night, by the environment. */
const ROUNDS = Math.ceil(Number(process.env["KEYGROVE_KEYSTORE_CRASH_ROUNDS"] ?? "500") / HISTORIES)
/** Rounds over one home: the longer its history, the longer it takes to judge. */
const EPISODE = 50
const SEED = Number(process.env["KEYGROVE_SEED"] ?? "1")
const seeds = Array.from({ length: HISTORIES }, (_, index) => SEED + index)
const sealing = createSealing({ x25519: nativePrimitives.x25519, random: systemRandom })

test.concurrent.each(seeds)(
  `${ROUNDS} kills of a keystore at random moments lose no key and bring none back (seed %d)`,
  { timeout: 900_000 },
  async (seed) => {
    await using stage = await makeStage()
    const random = seededNumbers(seed)
    const counts = { answered: 0, lost: 0, doneUnanswered: 0, destroyed: 0 }
    for (let left = ROUNDS; left > 0; left -= EPISODE) {
      const home = await makeHome(stage.directory, `vault-${left}`)
      const directory = join(stage.directory, `files-${left}`)
      await mkdir(directory, { mode: 0o700 })
      const history = new CrashHistory({ home, directory, sealing, random })
      const rounds = Math.min(left, EPISODE)
      for (let round = 1; round <= rounds; round++) expect(await history.round(), `round ${ROUNDS - left + round}`).toEqual([])
      expect(await history.finish()).toEqual([])
      counts.answered += history.counts.answered
      counts.lost += history.counts.lost
      counts.doneUnanswered += history.counts.doneUnanswered
      counts.destroyed += history.counts.destroyed
    }
    // Else the history proved nothing.
    const { answered, destroyed, doneUnanswered, lost } = counts
    expect(answered).toBeGreaterThan(ROUNDS)
    expect(lost).toBeGreaterThan(ROUNDS / 2)
    expect(destroyed).toBeGreaterThan(ROUNDS / 10)
    expect(doneUnanswered).toBeGreaterThan(ROUNDS / 50)
  },
)
