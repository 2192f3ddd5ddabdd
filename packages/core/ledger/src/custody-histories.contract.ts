import { toHex, unwrap } from "@keygrove/base"
import { decodeCustodyState, encodeCustodyState, type CustodyVoidReason } from "@keygrove/pieces"
import * as fc from "fast-check"
import { expect } from "vitest"
import { believesRightly, custodyIn, CustodyWatch, factsOf, removesFreely } from "./custody-invariants.contract.ts"
import { custodyHistories, describeHappening, takeStep, type CustodyStep } from "./custody-steps.contract.ts"
import { CustodyWorld } from "./custody-world.contract.ts"
import { NaiveCustody } from "./naive-custody.contract.ts"

/** All but those of limits that such small worlds do not reach; custody.test.ts does. */
export const HISTORY_VOID_REASONS: readonly CustodyVoidReason[] = [
  "MEMBER_UNKNOWN",
  "MEMBER_REVISION_STALE",
  "BOOT_KEY_REUSED",
  "KEY_GENERATION_NUMBER_WRONG",
  "KEY_GENERATION_MEMBERS_FEW",
  "KEY_GENERATION_STARTING",
  "KEY_GENERATION_UNKNOWN",
  "KEY_GENERATION_COMPLETE",
  "KEY_GENERATION_INCOMPLETE",
  "KEY_GENERATION_FOREIGN",
  "SHARING_DUPLICATE",
  "SHARING_MOVING",
  "SHARING_UNKNOWN",
  "SHARING_THRESHOLD_WRONG",
  "STORAGE_KEY_REUSED",
  "STORAGE_KEY_WRONG",
  "REDISTRIBUTION_OWNER_WRONG",
  "REDISTRIBUTION_ATTEMPT_WRONG",
  "PIECE_RECEIPTS_FEW",
  "PIECE_RECEIPT_HOLDER_WRONG",
  "PIECE_RECEIPT_INVALID",
  "PIECE_HELD_WRONG",
  "PIECES_WIPED_STALE",
]

/** How often each verdict came. */
type Verdicts = Map<string, number>

/** Lives a history, and looks at everything after each step. */
function live(world: CustodyWorld, steps: readonly CustodyStep[], verdicts: Verdicts): void {
  const watch = new CustodyWatch()
  let seen = 0
  for (const step of steps) {
    takeStep(world, step)
    believesRightly(world)
    if (seen === world.happenings.length) continue
    for (; seen < world.happenings.length; seen++) {
      const happening = world.happenings[seen]
      if (happening === undefined) continue
      watch.look(happening)
      removesFreely(happening)
      verdicts.set(happening.verdict, (verdicts.get(happening.verdict) ?? 0) + 1)
    }
    agreesWithTwin(world)
  }
}

function agreesWithTwin(world: CustodyWorld): void {
  const twin = new NaiveCustody(world.truth, (...sharing) => world.idOf(...sharing)).tell(world.events)
  const [ours, theirs] = [JSON.stringify(factsOf(world.custody)), JSON.stringify(twin.facts)]
  if (ours !== theirs) throw new Error(`the twin thinks otherwise:\n${theirs}\nand not\n${ours}`)
  for (const [place, effect] of twin.effects.entries()) {
    if (world.events[place]?.kind !== "said") continue
    const verdict = world.happenings[place + 1]?.verdict
    if ((verdict === "applied") !== effect) throw new Error(`the twin thinks otherwise of entry ${place}: ${verdict}`)
  }
}

/** Somebody else who reads the log comes to the same, from its beginning and from a snapshot of any place. */
function isFoldedAlike(world: CustodyWorld, place: number): void {
  const end = toHex(encodeCustodyState(world.custody))
  const [start] = world.states
  const between = world.states[place % world.states.length]
  if (start === undefined || between === undefined) throw new TypeError("there is a state before each entry")
  expect(toHex(encodeCustodyState(custodyIn(world.refold(0, start))))).toBe(end)
  const [cluster] = between.clusters.values()
  if (cluster?.custody === undefined) return
  const bytes = encodeCustodyState(cluster.custody)
  const custody = unwrap(decodeCustodyState(bytes))
  expect(toHex(encodeCustodyState(custody))).toBe(toHex(bytes))
  const restored = { ...between, clusters: between.clusters.set(cluster.id, { ...cluster, custody }) }
  expect(toHex(encodeCustodyState(custodyIn(world.refold(place % world.states.length, restored))))).toBe(end)
}

/**
 * Lives so many histories of custody, and throws when after any step the machine and its naive twin think otherwise, or something is that must not be: with the seed and the shortest history that
 * still fails, and the log that came of it. How often each verdict came.
 */
export function liveHistories(histories: number, seed: number): ReadonlyMap<string, number> {
  const pristine = new CustodyWorld(0)
  const verdicts: Verdicts = new Map()
  const property = fc.property(custodyHistories, fc.nat(), ([members, steps], place) => {
    const world = new CustodyWorld(members, pristine)
    try {
      live(world, steps, verdicts)
      // Folding twice more takes as long as living: one in four is enough.
      if (place % 4 === 0) isFoldedAlike(world, place >> 2)
    } catch (cause) {
      const log = world.happenings.map((happening, index) => `${index}: ${describeHappening(happening)}`)
      throw new Error(`${cause instanceof Error ? cause.message : "failed"}\n${log.join("\n")}`, { cause })
    }
  })
  fc.assert(property, { numRuns: histories, seed })
  return verdicts
}
