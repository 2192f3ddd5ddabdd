import { brandShape, bytesShape, bytesWithinShape, checkShape, ok, toHex, type CborValue, type Result } from "@keygrove/base"
import { clusterBytes, decodeClusterBytes, decodeTimestamp, type ClusterId, type Timestamp, type TrustContact } from "@keygrove/hierarchy"
import { MAX_MEETING_MESSAGE_BYTES, MEETING_ID_BYTES } from "@keygrove/peering"
import * as v from "valibot"
import type { CallOptions } from "../ports/call-options.ts"
import type { Storage, StorageChange, StorageRefusal } from "../ports/storage.ts"

/** A meeting that both people confirmed: what has to come of it, whatever happens to this node. */
export interface MeetingJob {
  /** The meeting's id, 16 bytes. */
  readonly meeting: Uint8Array
  /** The cluster to trust, and its root's anchor. */
  readonly cluster: ClusterId
  readonly anchorKey: Uint8Array
  /** The node that was met, 32 bytes, and where it is. */
  readonly signingKey: Uint8Array
  readonly addresses: readonly string[]
  readonly nickname?: string
  /** Until when the other side may ask for {@link MeetingJob.answer}. */
  readonly keepUntil: Timestamp
  /** Encoded answer with this side's confirmation, of the side that showed the code: the other one may not have got it. */
  readonly answer?: Uint8Array
  /** Trust is on the ledger; only the answer is still kept. */
  readonly isSettled: boolean
}

const shape = v.strictObject({
  meeting: bytesShape(MEETING_ID_BYTES),
  cluster: brandShape(decodeClusterBytes),
  anchorKey: bytesShape(32),
  signingKey: bytesShape(32),
  addresses: v.array(v.string()),
  nickname: v.exactOptional(v.string()),
  keepUntil: brandShape(decodeTimestamp),
  answer: v.exactOptional(bytesWithinShape(1, MAX_MEETING_MESSAGE_BYTES)),
  isSettled: v.boolean(),
})
/** Far more than can be agreed upon in the time that they are kept for. */
const MAX_JOBS = 1_000

/** What makes a job durable. */
export function meetingJobChange({ answer, cluster, nickname, ...job }: MeetingJob): StorageChange {
  const value: CborValue = {
    ...job,
    cluster: clusterBytes(cluster),
    ...(answer === undefined ? {} : { answer }),
    ...(nickname === undefined ? {} : { nickname }),
  }
  return { kind: "put", collection: "meeting", key: toHex(job.meeting), value }
}

/** What ends a job. */
export function meetingJobRemoval({ meeting }: MeetingJob): StorageChange {
  return { kind: "remove", collection: "meeting", key: toHex(meeting) }
}

/** The jobs that an earlier run left. */
export async function listMeetingJobs(storage: Storage, options: CallOptions): Promise<Result<readonly MeetingJob[], StorageRefusal>> {
  const page = await storage.list("meeting", { limit: MAX_JOBS }, options)
  if (!page.ok) return page
  const jobs: MeetingJob[] = []
  for (const { value } of page.value) {
    const job = checkShape(value, { shape, code: "STORAGE_CORRUPT", noun: "job of a meeting" })
    if (!job.ok) return job
    jobs.push(job.value)
  }
  return ok(jobs)
}

/** Where the node that was met is, as a statement of trust says it; nothing when it told no address. */
export function contactOf({ addresses, signingKey }: MeetingJob): TrustContact | undefined {
  return addresses.length === 0 ? undefined : { signingKey, addresses }
}
