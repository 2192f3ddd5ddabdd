import { equalBytes, ok, toHex, type Result } from "@keygrove/base"
import type { NodeContext } from "../node-context.ts"
import type { CallOptions } from "../ports/call-options.ts"
import type { StorageRefusal } from "../ports/storage.ts"
import type { FetchedKeyChain } from "../trust/fetch-key-chain.ts"
import type { KeyChains } from "../trust/key-chains.ts"
import type { TrustBook } from "../trust/trust-book.ts"
import { listMeetingJobs, meetingJobChange, meetingJobRemoval, type MeetingJob } from "./meeting-job.ts"
import { settleMeeting } from "./settle-meeting.ts"

interface JobSources {
  readonly context: Pick<NodeContext, "clock" | "keystore" | "replica" | "storage">
  readonly keyChains: KeyChains
  readonly book: TrustBook
}

/** What both sides agreed upon and this one has still to do, durable. */
export class MeetingJobs {
  readonly #sources: JobSources
  readonly #jobs: Map<string, MeetingJob>

  private constructor(sources: JobSources, jobs: readonly MeetingJob[]) {
    this.#sources = sources
    this.#jobs = new Map(jobs.map((job) => [toHex(job.meeting), job]))
  }

  static async open(sources: JobSources, options: CallOptions): Promise<Result<MeetingJobs, StorageRefusal>> {
    const jobs = await listMeetingJobs(sources.context.storage, options)
    return jobs.ok ? ok(new MeetingJobs(sources, jobs.value)) : jobs
  }

  /** All that is not at its end. */
  open(): readonly MeetingJob[] {
    return [...this.#jobs.values()]
  }

  /** This side's confirmation, encoded, for a node that may not have got it: in time, and only for the one that was met. */
  answerFor(id: string, from: Uint8Array): Uint8Array | undefined {
    const job = this.#jobs.get(id)
    const isMet = job !== undefined && equalBytes(job.signingKey, from) && this.#sources.context.clock.now() < job.keepUntil
    return isMet ? job.answer : undefined
  }

  /** Makes a job and the key chain that was met durable. */
  async begin(job: MeetingJob, met: FetchedKeyChain, options: CallOptions): Promise<Result<true, StorageRefusal>> {
    const kept = await this.#sources.keyChains.adopt(met, [meetingJobChange(job)], options)
    if (kept.ok) this.#jobs.set(toHex(job.meeting), job)
    return kept
  }

  /** Writes trust, unless an earlier run did. A refusal is for good; then the job is over too. */
  async settle(job: MeetingJob, options: CallOptions): Promise<Result<true>> {
    if (job.isSettled) return ok(true)
    const settled = await settleMeeting(this.#sources, job, options)
    const left = { ...job, isSettled: true }
    const written = await this.#sources.context.storage.write([settled.ok ? meetingJobChange(left) : meetingJobRemoval(job)], options)
    // What could not be noted is done once more by the next run, which finds the trust written.
    if (written.ok) this.#jobs.set(toHex(job.meeting), left)
    return settled
  }

  /** Forgets a job when nobody may ask for its answer any more. */
  async expire(job: MeetingJob, options: CallOptions): Promise<void> {
    const { clock, storage } = this.#sources.context
    await clock.sleep(Math.max(0, job.keepUntil - clock.now()), options)
    const removed = await storage.write([meetingJobRemoval(job)], options)
    if (removed.ok) this.#jobs.delete(toHex(job.meeting))
  }
}
