import { equalBytes, ok, toHex, type Result } from "@keygrove/base"
import { MAX_HELD_PIECES, sharingsOf, standingOfPiece, wipeableUpTo, type CustodyState, type HeldPiece } from "@keygrove/pieces"
import { refreshReplica } from "../ledger/refresh-replica.ts"
import type { CallOptions } from "../ports/call-options.ts"
import { MAX_PAUSE_MS, state, type CustodyRound, type DutyOutcome } from "./custody-round.ts"
import { custodyView } from "./custody-view.ts"
import type { PieceDesk } from "./piece-desk.ts"
import type { PieceRecord } from "./piece-records.ts"
import type { PiecesContext } from "./pieces-context.ts"
import { endSharingJobs } from "./own-sharing.ts"

/** Wipes the pieces that can never count any more. */
export async function wipePieces(context: PiecesContext, desk: PieceDesk, options: CallOptions): Promise<Result<true>> {
  for (const record of desk.pieces()) {
    options.signal.throwIfAborted()
    if (standingOf(context, record) !== "over") continue
    const wiped = await desk.wipe(record, options)
    if (!wiped.ok) return wiped
    context.log(`wiped the key piece of ${record.owner} of generation ${record.generation}: it can not count any more`)
  }
  return ok(true)
}

function standingOf(context: PiecesContext, record: PieceRecord): ReturnType<typeof standingOfPiece> {
  const { custody, self } = custodyView(context)
  return record.cluster === self.cluster ? standingOfPiece(custody, self.path, record) : "over"
}

/** Says on the ledger what was wiped, and what is kept whose receipt came too late for the owner. */
export async function reportPieces({ context, desk, self }: CustodyRound, options: CallOptions): Promise<DutyOutcome> {
  const { custody } = custodyView(context)
  const upTo = wipeableUpTo(custody, self.path)
  if (upTo !== undefined && desk.pieces().every(({ generation }) => generation > upTo)) {
    const said = await state(context, { kind: "pieces-wiped", body: { upTo } }, options)
    if (!said.ok) return said
  }
  const held = unreported(custodyView(context).custody, desk.pieces())
  if (held.length === 0) return ok(MAX_PAUSE_MS)
  const said = await state(context, { kind: "pieces-held", body: { held: held.slice(0, MAX_HELD_PIECES) } }, options)
  return said.ok ? ok(held.length > MAX_HELD_PIECES ? 0 : MAX_PAUSE_MS) : said
}

function unreported(custody: CustodyState, records: readonly PieceRecord[]): readonly HeldPiece[] {
  return records.flatMap(({ generation, index, owner, sharing }) => {
    const standing = custody.generations.get(generation)?.sharings.get(owner)
    const isUnreported = standing !== undefined && equalBytes(standing.id, sharing) && !standing.held.includes(index)
    return isUnreported ? [{ owner, generation, sharing }] : []
  })
}

/**
 * Has the keystore wipe the slots that no pieces can open any more: all of them, once this node is no member. Only what a ledger that is up to date says counts: a slot that is gone does not
 * come back.
 */
export async function tidySlots(context: PiecesContext, options: CallOptions): Promise<DutyOutcome> {
  const { keystore } = context
  const slots = await keystore.slots(options)
  if (!slots.ok) return slots
  const jobs = await endSharingJobs(context, options)
  if (!jobs.ok) return jobs
  const isNeeded = (custody: CustodyState): ((publicKey: Uint8Array) => boolean) => {
    const { path } = keystore.identity()
    const sharings = [...sharingsOf(custody, path).map(({ sharing }) => sharing), ...jobs.value]
    const keys = new Set(sharings.map(({ commitments }) => toHex(commitments[0] ?? new Uint8Array(0))))
    return (publicKey) => keys.has(toHex(publicKey))
  }
  const needed = isNeeded(custodyView(context).custody)
  if (slots.value.every(({ publicKey }) => needed(publicKey))) return ok(MAX_PAUSE_MS)
  if (!(await refreshReplica(context, options))) return ok(MAX_PAUSE_MS)
  const { custody } = custodyView(context)
  const still = isNeeded(custody)
  const kept = slots.value.filter(({ generation, publicKey }) => still(publicKey) || generation > custody.lastGeneration)
  if (kept.length === slots.value.length) return ok(MAX_PAUSE_MS)
  const done = await keystore.keepSlots(
    kept.map(({ publicKey }) => publicKey),
    options,
  )
  return done.ok ? ok(MAX_PAUSE_MS) : done
}
