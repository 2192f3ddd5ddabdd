import { writeFile } from "node:fs/promises"
import { join } from "node:path"
import { expect, test } from "vitest"
import { startGrove } from "../../../packages/apps/cli/src/grove/grove.ts"
import { expectKeygrove, textField } from "../../../packages/apps/cli/src/grove/keygrove-process.ts"
import { entry } from "../bundle.ts"
import { crashRound, lostOf, readerOpens, seededNumbers, type Acknowledged, type CrashWorld } from "./history.ts"

/** Histories run side by side, each in a grove of its own, because a round waits more than it works. */
const HISTORIES = 2
/** 200 in all; more for a night, by the environment. */
const ROUNDS = Math.ceil(Number(process.env["KEYGROVE_CRASH_ROUNDS"] ?? "200") / HISTORIES)
const SEED = Number(process.env["KEYGROVE_SEED"] ?? "1")
const seeds = Array.from({ length: HISTORIES }, (_, index) => SEED + index)
/** How often everything acknowledged is looked up. */
const CHECK_EVERY = 20

test.concurrent.each(seeds)(`${ROUNDS} kills at random moments lose nothing acknowledged (seed %d)`, { timeout: 900_000 }, async (seed) => {
  const { signal } = new AbortController()
  await using grove = await startGrove({ nodes: ["laptop"], readers: ["bob"], proxies: ["p1", "p2", "p3", "p4"], entry }, signal)
  const plain = join(grove.directory, "plain")
  await writeFile(plain, Buffer.alloc(300_000, "keygrove"))
  const reader = textField((await expectKeygrove(["id"], { home: grove.member("bob").home, signal, entry })).answer, "id")
  const world: CrashWorld = { grove, entry, signal, random: seededNumbers(seed), reader, plain }
  const acknowledged: Acknowledged = { granted: new Set(), revoked: new Set() }
  await expectKeygrove(["encrypt", plain, "--label", "crash", "-o", join(grove.directory, "first.kg")], {
    home: grove.member("laptop").home,
    signal,
    entry,
  })

  const history: string[] = []
  for (let round = 1; round <= ROUNDS; round++) {
    history.push(`${round}: ${await crashRound(world, acknowledged)}`)
    if (round % CHECK_EVERY === 0) expect(await lostOf(world, acknowledged), history.slice(-CHECK_EVERY).join("\n")).toEqual([])
  }
  expect(await lostOf(world, acknowledged)).toEqual([])
  expect(await readerOpens(world)).toMatchObject({ exitStatus: 0 })
  // Else the history proved nothing.
  expect(acknowledged.granted.size).toBeGreaterThan(ROUNDS / 20)
  expect(acknowledged.revoked.size).toBeGreaterThan(ROUNDS / 40)
})
