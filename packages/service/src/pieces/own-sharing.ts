import { equalBytes, ok, refuse, toHex, type Result } from "@keygrove/base"
import type { NodePath } from "@keygrove/hierarchy"
import {
  currentGeneration,
  hasWiped,
  indexIn,
  isOver,
  memberAt,
  membersOf,
  pieceReceiptBytes,
  sharingIdOf,
  startingGeneration,
  thresholdOf,
  type CustodyState,
  type GenerationState,
  type PieceIndex,
  type PieceReceipt,
} from "@keygrove/pieces"
import { refreshReplica } from "../ledger/refresh-replica.ts"
import type { CallOptions } from "../ports/call-options.ts"
import { MAX_PAUSE_MS, state, type CustodyRound, type DutyOutcome } from "./custody-round.ts"
import { custodyView, nodeOf, peerOf } from "./custody-view.ts"
import { askMember } from "./piece-client.ts"
import type { PiecesContext } from "./pieces-context.ts"
import { listSharingJobs, removeSharingJobs, saveSharingJob, type SharingJob } from "./sharing-job.ts"

/** Holders that are offered their pieces at once. */
const OFFERS_AT_ONCE = 32
/** How long the receipts of the last holders are waited for once there are enough. */
const GRACE_MS = 1_000
/** Pauses before a holder is offered its piece again. */
const FIRST_PAUSE_MS = 2_000
const LAST_PAUSE_MS = 300_000

/** How far this node's sharing is. */
export interface SharingProgress {
  readonly generation: number
  /** Holders that keep a piece, of how many that are needed. */
  readonly given: number
  readonly needed: number
  /** Members that do not keep one yet, and why they did not when they were last asked. */
  readonly missing: readonly { readonly path: NodePath; readonly reason: string }[]
}

interface Offering {
  readonly job: SharingJob
  /** `sharingIdOf`, 32 bytes. */
  readonly id: Uint8Array
  readonly receipts: Map<PieceIndex, Uint8Array>
  readonly waits: Map<PieceIndex, { readonly nextAt: number; readonly pauseMs: number; readonly reason: string }>
}

/**
 * Shares this node's storage key in the current key generation and in one that is starting: once in each, made durable before the first offer. What is missing is offered again until every
 * holder has its piece.
 */
export class OwnSharing {
  /** By generation. */
  readonly #offerings: Map<number, Offering> = new Map()
  #progress: SharingProgress | undefined

  /** Of the newest generation in which it takes part. */
  get progress(): SharingProgress | undefined {
    return this.#progress
  }

  /** One look: begins, goes on or ends. */
  async work(round: CustodyRound, options: CallOptions): Promise<DutyOutcome> {
    const { context, self } = round
    const jobs = await endSharingJobs(context, options)
    if (!jobs.ok) return jobs
    const isLeft = (generation: number): boolean => jobs.value.some((job) => job.generation === generation)
    for (const generation of this.#offerings.keys()) if (!isLeft(generation)) this.#offerings.delete(generation)
    const { custody } = custodyView(context)
    let pauseMs = MAX_PAUSE_MS
    for (const generation of [startingGeneration(custody), currentGeneration(custody)]) {
      if (generation === undefined || indexIn(custody, generation, self.path) === undefined) continue
      const job = jobs.value.find((each) => each.generation === generation.generation)
      const isMoving = generation.attempts.has(self.path)
      const isDue = !isMoving && (job !== undefined || !generation.sharings.has(self.path))
      const worked = isDue ? await this.#share(round, generation, job, options) : ok(MAX_PAUSE_MS)
      if (!worked.ok) return worked
      pauseMs = Math.min(pauseMs, worked.value)
    }
    this.#note(context)
    return ok(pauseMs)
  }

  async #share(
    round: CustodyRound,
    generation: GenerationState,
    known: SharingJob | undefined,
    options: CallOptions,
  ): Promise<DutyOutcome> {
    const job = known === undefined ? await begin(round, generation, options) : ok(known)
    // The ledger is newer than this look at it.
    if (!job.ok && job.code === "SHARING_DUPLICATE") return ok(0)
    if (!job.ok) return job
    const offering = this.#offeringOf(round.context, job.value)
    await this.#offer(round, offering, options)
    const { custody, self } = custodyView(round.context)
    const still = custody.generations.get(job.value.generation)
    const pauseMs = pauseOf(round.context, offering)
    if (still === undefined || still.sharings.has(self.path) || offering.receipts.size < thresholdOf(still)) return ok(pauseMs)
    const receipts = validReceipts(round, offering)
    if (receipts.length < thresholdOf(still)) return ok(pauseMs)
    const body = { generation: job.value.generation, commitments: job.value.commitments, receipts }
    const shared = await state(round.context, { kind: "pieces-shared", body }, options)
    if (shared.ok) round.context.log(`shared this node's storage key in key generation ${body.generation} with ${receipts.length} holders`)
    // A holder has rekeyed or ended in this moment: what was signed by its key before counts no more.
    if (!shared.ok && RECEIPT_WRONG.has(shared.code)) offering.receipts.clear()
    return shared.ok ? ok(pauseMs) : shared
  }

  #offeringOf({ keystore, primitives }: PiecesContext, job: SharingJob): Offering {
    const known = this.#offerings.get(job.generation)
    if (known !== undefined) return known
    const { cluster, path } = keystore.identity()
    const id = sharingIdOf(primitives, { owner: { cluster, path }, ...job })
    const offering = { job, id, receipts: new Map(), waits: new Map() }
    this.#offerings.set(job.generation, offering)
    return offering
  }

  /** Offers what is due, to many at once, and returns when all have answered, or soon after enough have. */
  async #offer(round: CustodyRound, offering: Offering, options: CallOptions): Promise<void> {
    const { clock } = round.context
    const now = clock.now()
    const due = missingOf(round.context, offering).filter(({ index }) => (offering.waits.get(index)?.nextAt ?? 0) <= now)
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

  #note(context: PiecesContext): void {
    const { custody, self } = custodyView(context)
    const newest = [startingGeneration(custody), currentGeneration(custody)].find(
      (each) => each !== undefined && indexIn(custody, each, self.path) !== undefined,
    )
    const offering = newest === undefined ? undefined : this.#offerings.get(newest.generation)
    if (newest === undefined || offering === undefined) {
      this.#progress = undefined
      return
    }
    const missing = missingOf(context, offering).map(({ index, path }) => ({
      path,
      reason: offering.waits.get(index)?.reason ?? "not asked yet",
    }))
    const held = newest.sharings.get(self.path)?.held.length ?? offering.receipts.size
    this.#progress = { generation: newest.generation, given: held, needed: thresholdOf(newest), missing }
  }
}

const RECEIPT_WRONG: ReadonlySet<string> = new Set(["PIECE_RECEIPT_INVALID", "PIECE_RECEIPT_HOLDER_WRONG"])

/** Ends the jobs of which nothing is left to offer, durably, and returns the others. */
export async function endSharingJobs(context: PiecesContext, options: CallOptions): Promise<Result<readonly SharingJob[]>> {
  const jobs = await listSharingJobs(context.storage, options)
  if (!jobs.ok) return jobs
  const ended = jobs.value.filter((job) => isEnded(context, job))
  const removed = await removeSharingJobs(context.storage, ended, options)
  return removed.ok ? ok(jobs.value.filter((job) => !ended.includes(job))) : removed
}

/** Makes the storage key, its slot and its pieces, and makes them durable before anybody hears of them. */
async function begin({ context, self }: CustodyRound, generation: GenerationState, options: CallOptions): Promise<Result<SharingJob>> {
  const { keystore, storage } = context
  // An old copy of the ledger may lack this node's own sharing, whose slot another one of the same generation would take the place of.
  if (!(await refreshReplica(context, options)))
    return refuse(
      "LEDGER_UNREACHABLE",
      "whether this node has shared already is only known when the ledger is within reach; it is tried again",
    )
  const view = custodyView(context)
  const still = view.custody.generations.get(generation.generation)
  if (still === undefined || still.sharings.has(self.path) || still.attempts.has(self.path))
    return refuse("SHARING_DUPLICATE", `this node has shared in key generation ${generation.generation} already, or that is over`)
  const { cluster, keys } = keystore.identity()
  const recipients = membersOf(view.custody, generation).flatMap(({ index, member }) => {
    const node = member.path === self.path ? undefined : nodeOf(view, member.path)
    return node === undefined ? [] : [{ index, sealingKey: node.keys.sealingKey }]
  })
  const order = { generation: generation.generation, threshold: thresholdOf(generation), recipients }
  if (recipients.length < order.threshold)
    return refuse(
      "KEY_GENERATION_MEMBERS_FEW",
      `${recipients.length} other members are left in key generation ${order.generation}; ${order.threshold} are needed`,
    )
  const shared = await keystore.share(order, options)
  if (!shared.ok) return shared
  if (!equalBytes(keystore.identity().keys.signingKey, keys.signingKey))
    return refuse("AUTHOR_KEY_WRONG", "the node rekeyed while it shared its storage key; it begins again")
  const { commitments, pieces } = shared.value
  const job = { cluster, generation: generation.generation, sender: keys.signingKey, commitments, pieces }
  const saved = await saveSharingJob(storage, job, options)
  return saved.ok ? ok(job) : saved
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
  if (isReceipt(context, offering, { index, signature: answer.value.signature })) return ok(answer.value.signature)
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
function missingOf(context: PiecesContext, { job }: Offering): readonly { readonly index: PieceIndex; readonly path: NodePath }[] {
  const { custody, self } = custodyView(context)
  const generation = custody.generations.get(job.generation)
  if (generation === undefined) return []
  const held = generation.sharings.get(self.path)?.held ?? []
  return membersOf(custody, generation).flatMap(({ index, member: { path } }) => {
    const isMissing = path !== self.path && !held.includes(index) && !hasWiped(custody, path, job.generation)
    return isMissing ? [{ index, path }] : []
  })
}

/** Until the next holder is due. */
function pauseOf(context: PiecesContext, offering: Offering): number {
  const now = context.clock.now()
  const waits = missingOf(context, offering).map(({ index }) => (offering.waits.get(index)?.nextAt ?? now) - now)
  return Math.max(FIRST_PAUSE_MS / 2, Math.min(MAX_PAUSE_MS, ...waits))
}

function validReceipts({ context }: CustodyRound, offering: Offering): readonly PieceReceipt[] {
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

/** Whether nothing is left to offer of a job: all have their pieces, or it can not count any more. */
function isEnded(context: PiecesContext, job: SharingJob): boolean {
  const { custody, self } = custodyView(context)
  if (job.cluster !== self.cluster || isOver(custody, job.generation)) return true
  const generation = custody.generations.get(job.generation)
  // The ledger is behind the disk.
  if (generation === undefined) return false
  return isForeign(custody, generation, self.path) || isDone(context, generation, job)
}

function isForeign(custody: CustodyState, generation: GenerationState, path: NodePath): boolean {
  return indexIn(custody, generation, path) === undefined
}

function isDone(context: PiecesContext, generation: GenerationState, job: SharingJob): boolean {
  const { cluster, path } = context.keystore.identity()
  const standing = generation.sharings.get(path)
  if (standing === undefined) return false
  const id = sharingIdOf(context.primitives, { owner: { cluster, path }, ...job })
  return toHex(standing.id) !== toHex(id) || missingOf(context, { job, id, receipts: new Map(), waits: new Map() }).length === 0
}
