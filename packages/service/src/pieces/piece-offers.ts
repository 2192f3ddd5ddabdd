import { ok, refuse, type Result } from "@keygrove/base"
import type { NodePath } from "@keygrove/hierarchy"
import { hasWiped, memberAt, membersOf, pieceReceiptBytes, type PieceIndex, type PieceReceipt } from "@keygrove/pieces"
import { refreshReplica } from "../ledger/refresh-replica.ts"
import type { CallOptions } from "../ports/call-options.ts"
import { MAX_PAUSE_MS, type CustodyRound } from "./custody-round.ts"
import { custodyView, nodeOf, peerOf } from "./custody-view.ts"
import { askMember } from "./piece-client.ts"
import type { PiecesContext } from "./pieces-context.ts"
import type { SharingJob } from "./sharing-job.ts"

/** Holders that are offered their pieces at once. */
const OFFERS_AT_ONCE = 32
/** How long the receipts of the last holders are waited for once there are enough. */
const GRACE_MS = 1_000
/** Pauses before a holder is offered its piece again. */
const FIRST_PAUSE_MS = 2_000
const LAST_PAUSE_MS = 300_000

/** A job whose pieces are being offered, and what came of it so far in this run. */
export interface Offering {
  readonly job: SharingJob
  /** `sharingIdOf`, 32 bytes. */
  readonly id: Uint8Array
  /** By index of the holder. */
  readonly receipts: Map<PieceIndex, Uint8Array>
  /** When a holder is offered its piece again, and why it has to be. */
  readonly waits: Map<PieceIndex, { readonly nextAt: number; readonly pauseMs: number; readonly reason: string }>
}

/** Offers what is due, to many at once, and returns when all have answered, or soon after enough have. */
export async function offerPieces(round: CustodyRound, offering: Offering, options: CallOptions): Promise<void> {
  const { clock } = round.context
  const now = clock.now()
  const due = missingOf(round.context, offering).filter(({ index }) => waitMs(offering, index, now) === 0)
  if (due.length === 0) return
  const over = new AbortController()
  const signal = AbortSignal.any([options.signal, over.signal])
  const enough = Promise.withResolvers<void>()
  const needed = offering.job.commitments.length
  const lane = async (): Promise<void> => {
    for (let next = due.shift(); next !== undefined && !signal.aborted; next = due.shift()) {
      const outcome = await offerOne(round, offering, next.index, { signal }).catch((error: unknown) => {
        if (!signal.aborted) throw error
        return refuse("PEER_TIMEOUT", "it did not answer as fast as the others")
      })
      settle(offering, next.index, outcome, clock.now())
      if (offering.receipts.size >= needed) enough.resolve()
    }
  }
  const all = Promise.all(Array.from({ length: Math.min(OFFERS_AT_ONCE, due.length) }, lane))
  const grace = async (): Promise<void> => {
    await enough.promise
    await clock.sleep(GRACE_MS, { signal })
  }
  await Promise.race([all, grace().catch(() => undefined)])
  over.abort()
  await all
  options.signal.throwIfAborted()
}

async function offerOne(
  { context, liars }: CustodyRound,
  offering: Offering,
  index: PieceIndex,
  options: CallOptions,
): Promise<Result<Uint8Array>> {
  const view = custodyView(context)
  const { job } = offering
  const generation = view.custody.generations.get(job.generation)
  const holder = generation === undefined ? undefined : memberAt(view.custody, generation, index)
  const peer = holder === undefined ? undefined : peerOf(view, holder)
  const piece = job.pieces.find((each) => each.index === index)
  if (holder === undefined || peer === undefined || piece === undefined) return refuse("KEY_GENERATION_FOREIGN", "it is no member any more")
  const { commitments, sender } = job
  const request = { op: "offer", generation: job.generation, commitments, index, sender, sealed: piece.sealed } as const
  const answer = await askMember(context.transport, peer, request, options)
  if (!answer.ok) return answer
  const receipt = { index, signature: answer.value.signature }
  // It may have rekeyed a moment ago.
  if (isReceipt(context, offering, receipt) || ((await refreshReplica(context, options)) && isReceipt(context, offering, receipt)))
    return ok(receipt.signature)
  liars.name(holder.path, `its receipt for a piece of key generation ${job.generation} is not signed by it`)
  return refuse("PIECE_RECEIPT_INVALID", "its receipt is not signed by it")
}

function settle({ receipts, waits }: Offering, index: PieceIndex, outcome: Result<Uint8Array>, now: number): void {
  if (outcome.ok) {
    receipts.set(index, outcome.value)
    // It says itself what it keeps, when its receipt is too late; until the ledger has that, it is asked again.
    waits.set(index, { nextAt: now + LAST_PAUSE_MS, pauseMs: FIRST_PAUSE_MS, reason: "its word is not on the ledger yet" })
    return
  }
  const pauseMs = Math.min(2 * (waits.get(index)?.pauseMs ?? FIRST_PAUSE_MS / 2), LAST_PAUSE_MS)
  waits.set(index, { nextAt: now + pauseMs, pauseMs, reason: `${outcome.code}: ${outcome.message}` })
}

/** Holders that the ledger does not show to keep their piece. */
export function missingOf(
  context: PiecesContext,
  { job }: Pick<Offering, "job">,
): readonly { readonly index: PieceIndex; readonly path: NodePath }[] {
  const { custody, self } = custodyView(context)
  const generation = custody.generations.get(job.generation)
  if (generation === undefined) return []
  const held = generation.sharings.get(self.path)?.held ?? []
  return membersOf(custody, generation).flatMap(({ index, member: { path } }) => {
    const isMissing = path !== self.path && !held.includes(index) && !hasWiped(custody, path, job.generation)
    return isMissing ? [{ index, path }] : []
  })
}

/** Until a holder is due. Nobody waits for longer than is ever waited: then the clock was set back meanwhile. */
function waitMs({ waits }: Offering, index: PieceIndex, now: number): number {
  const left = (waits.get(index)?.nextAt ?? now) - now
  return left > LAST_PAUSE_MS ? 0 : Math.max(0, left)
}

/** Until the next holder is due. */
export function pauseOf(context: PiecesContext, offering: Offering): number {
  const now = context.clock.now()
  const waits = missingOf(context, offering).map(({ index }) => waitMs(offering, index, now))
  return Math.max(FIRST_PAUSE_MS / 2, Math.min(MAX_PAUSE_MS, ...waits))
}

/** The receipts that hold now, by index. One of a holder that has rekeyed or ended since is forgotten: the holder is asked again. */
export function validReceipts(context: PiecesContext, offering: Offering): readonly PieceReceipt[] {
  const receipts = [...offering.receipts].map(([index, signature]) => ({ index, signature }))
  for (const receipt of receipts) {
    if (isReceipt(context, offering, receipt)) continue
    offering.receipts.delete(receipt.index)
    offering.waits.delete(receipt.index)
  }
  return receipts.filter(({ index }) => offering.receipts.has(index)).toSorted((a, b) => a.index - b.index)
}

/** Whether a receipt is by the current key of the holder with its index. */
function isReceipt(context: PiecesContext, { id, job }: Offering, { index, signature }: PieceReceipt): boolean {
  const view = custodyView(context)
  const { cluster, path } = view.self
  const generation = view.custody.generations.get(job.generation)
  const holder = generation === undefined ? undefined : memberAt(view.custody, generation, index)
  const node = holder === undefined ? undefined : nodeOf(view, holder.path)
  if (holder === undefined || node === undefined) return false
  const about = { cluster, owner: path, generation: job.generation, sharing: id, index, holder: holder.path, attempt: 0 }
  return context.primitives.ed25519.verify(node.keys.signingKey, pieceReceiptBytes(about), signature)
}
