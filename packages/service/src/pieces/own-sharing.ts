import { equalBytes, ok, refuse, type Result } from "@keygrove/base"
import type { NodePath } from "@keygrove/hierarchy"
import {
  currentGeneration,
  indexIn,
  isOver,
  membersOf,
  sharingIdOf,
  startingGeneration,
  thresholdOf,
  type GenerationState,
} from "@keygrove/pieces"
import { refreshReplica } from "../ledger/refresh-replica.ts"
import type { CallOptions } from "../ports/call-options.ts"
import { MAX_PAUSE_MS, state, type CustodyRound, type DutyOutcome } from "./custody-round.ts"
import { custodyView, nodeOf } from "./custody-view.ts"
import { missingOf, offerPieces, pauseOf, validReceipts, type Offering } from "./piece-offers.ts"
import type { PiecesContext } from "./pieces-context.ts"
import { listSharingJobs, removeSharingJobs, saveSharingJob, type SharingJob } from "./sharing-job.ts"

/** How far this node's sharing is. */
export interface SharingProgress {
  readonly generation: number
  /** Holders that keep a piece, of how many that are needed. */
  readonly given: number
  readonly needed: number
  /** Members that do not keep one yet, and why they did not when they were last asked. */
  readonly missing: readonly { readonly path: NodePath; readonly reason: string }[]
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
    await offerPieces(round, offering, options)
    const { custody, self } = custodyView(round.context)
    const still = custody.generations.get(job.value.generation)
    const pauseMs = pauseOf(round.context, offering)
    if (still === undefined || still.sharings.has(self.path) || offering.receipts.size < thresholdOf(still)) return ok(pauseMs)
    const receipts = validReceipts(round.context, offering)
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

/** Whether nothing is left to offer of a job: all have their pieces, or it can not count any more. */
function isEnded(context: PiecesContext, job: SharingJob): boolean {
  const { custody, self } = custodyView(context)
  if (job.cluster !== self.cluster || isOver(custody, job.generation)) return true
  const generation = custody.generations.get(job.generation)
  // The ledger is behind the disk.
  if (generation === undefined) return false
  return indexIn(custody, generation, self.path) === undefined || isDone(context, generation, job)
}

function isDone(context: PiecesContext, generation: GenerationState, job: SharingJob): boolean {
  const { cluster, path } = context.keystore.identity()
  const standing = generation.sharings.get(path)
  if (standing === undefined) return false
  const id = sharingIdOf(context.primitives, { owner: { cluster, path }, ...job })
  return !equalBytes(standing.id, id) || missingOf(context, { job }).length === 0
}
