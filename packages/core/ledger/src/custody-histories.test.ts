import { toHex, unwrap } from "@keygrove/base"
import { decodeCustodyState, encodeCustodyState, type CustodyVoidReason } from "@keygrove/pieces"
import * as fc from "fast-check"
import { expect, test } from "vitest"
import { believesRightly, custodyIn, CustodyWatch, factsOf, removesFreely } from "./custody-invariants.contract.ts"
import { custodyHistories, describeHappening, takeStep, type CustodyStep } from "./custody-steps.contract.ts"
import { CustodyWorld } from "./custody-world.contract.ts"
import { NaiveCustody } from "./naive-custody.contract.ts"

/** 10,000 histories, or so many thousands as `KEYGROVE_HISTORIES` says; `KEYGROVE_SEED` begins with what a failure printed. */
const HISTORIES = 1000 * Number(process.env.KEYGROVE_HISTORIES ?? 10)
const SEED = Number(process.env.KEYGROVE_SEED ?? 20_260_101)

/** All but those of limits that such small worlds do not reach; custody.test.ts does. */
const VOID_REASONS: readonly CustodyVoidReason[] = [
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

const pristine = new CustodyWorld(0)

/** How often each verdict came. */
const verdicts = new Map<string, number>()

/** Lives a history, and looks at everything after each step. */
function live(world: CustodyWorld, steps: readonly CustodyStep[]): void {
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

test(
  "the machine does what its naive twin does, and nothing that must not be, in 10,000 histories",
  { timeout: 60 * HISTORIES + 180_000 },
  () => {
    fc.assert(
      fc.property(custodyHistories, fc.nat(), ([members, steps], place) => {
        const world = new CustodyWorld(members, pristine)
        try {
          live(world, steps)
          isFoldedAlike(world, place)
        } catch (cause) {
          const log = world.happenings.map((happening, index) => `${index}: ${describeHappening(happening)}`)
          throw new Error(`${cause instanceof Error ? cause.message : "failed"}\n${log.join("\n")}`, { cause })
        }
      }),
      { numRuns: HISTORIES, seed: SEED },
    )
  },
)

test("in these histories much has its effect, and every reason to be void comes", () => {
  const missed = VOID_REASONS.filter((reason) => !verdicts.has(reason))
  expect(HISTORIES < 10_000 ? [] : missed).toEqual([])
  expect(verdicts.get("applied")).toBeGreaterThan(5 * HISTORIES)
})
