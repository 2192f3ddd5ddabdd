import { ok, toHex, utf8, type Result } from "@keygrove/base"
import {
  currentGeneration,
  decodeKeyGeneration,
  hasOtherMembers,
  MIN_CUSTODY_MEMBERS,
  needsGeneration,
  startingGeneration,
  type CustodyState,
} from "@keygrove/pieces"
import type { CallOptions } from "../ports/call-options.ts"
import { MAX_PAUSE_MS, rankOf, remainingMs, state, type CustodyRound, type DutyOutcome } from "./custody-round.ts"
import { custodyView } from "./custody-view.ts"

/** What each place among the members waits longer than the one before. */
const PLACE_MS = 2_000
/** Pauses after generations that were aborted. */
const FIRST_RETRY_MS = 30_000
const LAST_RETRY_MS = 21_600_000

/** Starts the next key generation when one is needed: the members are others than those of the newest, this node's own slot is gone, its pieces were moved to some of them only, or it was asked for. */
export async function startGeneration(round: CustodyRound, isWished: boolean, options: CallOptions): Promise<DutyOutcome> {
  const { context, sightings } = round
  const { custody } = custodyView(context)
  const reason = await reasonToStart(round, custody, isWished, options)
  if (!reason.ok) return reason
  if (reason.value === undefined) return ok(MAX_PAUSE_MS)
  const waitMs = reason.value === "it was asked for" ? 0 : rankOf(round) * PLACE_MS + retryMs(custody)
  const age = sightings.ageMs(`start ${custody.lastGeneration} ${fingerprint(round, custody)}`, context.clock.now())
  if (age < waitMs) return ok(remainingMs(waitMs, age))
  const generation = decodeKeyGeneration(custody.lastGeneration + 1)
  if (!generation.ok) return generation
  const started = await state(context, { kind: "generation-started", body: { generation: generation.value } }, options)
  if (started.ok) context.log(`started key generation ${generation.value} of ${custody.members.size} members: ${reason.value}`)
  // Another member was faster.
  return started.ok || OVERTAKEN.has(started.code) ? ok(0) : started
}

/** Aborts a key generation that has been starting for too long by this node's clock. */
export async function abortStuckGeneration(round: CustodyRound, options: CallOptions): Promise<DutyOutcome> {
  const { context, sightings } = round
  const { custody } = custodyView(context)
  const starting = startingGeneration(custody)
  if (starting === undefined) return ok(MAX_PAUSE_MS)
  const waitMs = context.waits.generationMs + rankOf(round) * PLACE_MS
  const age = sightings.ageMs(`starting ${starting.generation}`, context.clock.now())
  if (age < waitMs) return ok(remainingMs(waitMs, age))
  const aborted = await state(context, { kind: "generation-aborted", body: { generation: starting.generation } }, options)
  if (aborted.ok)
    context.log(
      `aborted key generation ${starting.generation}: ${starting.sharings.size} of ${starting.members.length} members have shared`,
    )
  return aborted.ok || OVERTAKEN.has(aborted.code) ? ok(0) : aborted
}

async function reasonToStart(
  { context, self }: CustodyRound,
  custody: CustodyState,
  isWished: boolean,
  options: CallOptions,
): Promise<Result<string | undefined>> {
  const starting = startingGeneration(custody)
  if (custody.members.size < MIN_CUSTODY_MEMBERS) return ok(undefined)
  if (starting !== undefined && !hasOtherMembers(custody, starting)) return ok(undefined)
  if (needsGeneration(custody)) return ok("the members have changed")
  if (isWished) return ok("it was asked for")
  const own = currentGeneration(custody)?.sharings.get(self.path)
  if (own === undefined) return ok(undefined)
  const slots = await context.keystore.slots(options)
  if (!slots.ok) return slots
  const storageKey = toHex(own.commitments[0] ?? new Uint8Array(0))
  if (!slots.value.some(({ publicKey }) => toHex(publicKey) === storageKey))
    return ok("the keystore of this node has no slot for its pieces")
  // What was moved for an owner is with those who were on then, and nobody brings it to the others.
  const isWithAll = own.moved === undefined || own.held.length >= custody.members.size - 1
  return ok(isWithAll ? undefined : "the pieces of this node were moved while it was off, and not every member keeps one")
}

/** Twice as long after each generation that came to nothing since the last that was complete. */
function retryMs(custody: CustodyState): number {
  if (startingGeneration(custody) !== undefined) return 0
  const failed = custody.lastGeneration - (currentGeneration(custody)?.generation ?? 0)
  return failed === 0 ? 0 : Math.min(FIRST_RETRY_MS * 2 ** Math.min(failed - 1, 20), LAST_RETRY_MS)
}

/** Names who the members are. */
function fingerprint({ context }: CustodyRound, { members }: CustodyState): string {
  const names = [...members.values()].map(({ path, since }) => `${path} ${since}`)
  return toHex(context.primitives.sha256(utf8(names.join("\n"))))
}

const OVERTAKEN: ReadonlySet<string> = new Set([
  "KEY_GENERATION_NUMBER_WRONG",
  "KEY_GENERATION_STARTING",
  "KEY_GENERATION_UNKNOWN",
  "KEY_GENERATION_COMPLETE",
])
