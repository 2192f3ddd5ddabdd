import { ok, refuse, toHex, unwrap, type Refusal, type Result } from "@keygrove/base"
import { decodeTimestamp, type ClusterId, type Timestamp } from "@keygrove/hierarchy"
import {
  confirmable,
  confirmationSignBytes,
  decodeMeetingCode,
  encodeMeetingAnswer,
  MEETING_GRACE_MS,
  MEETING_MS,
  MEETING_SECRET_BYTES,
  openMeetingCode,
  scanMeeting,
  showMeeting,
  stepMeeting,
  type Meeting,
  type MeetingCode,
  type MeetingEvent,
  type MeetingStep,
} from "@keygrove/peering"
import type { NodeContext } from "../node-context.ts"
import type { CallOptions } from "../ports/call-options.ts"
import type { KeyChains } from "../trust/key-chains.ts"
import type { TrustBook } from "../trust/trust-book.ts"
import { MeetingDesk } from "./meeting-desk.ts"
import { askInMeeting, sayInMeeting } from "./meeting-line.ts"
import type { MeetingJob } from "./meeting-job.ts"
import { MeetingJobs } from "./meeting-jobs.ts"
import { ownParty } from "./own-party.ts"
import { MeetingSlot, type MeetingProgress } from "./meeting-slot.ts"
import { scanUntilOver } from "./scan-until-over.ts"

/** What meetings work with. Nothing here is owned by them. */
export interface MeetingSources {
  readonly context: Pick<NodeContext, "clock" | "keystore" | "primitives" | "random" | "replica" | "storage" | "transport">
  readonly keyChains: KeyChains
  readonly book: TrustBook
  readonly log: (line: string) => void
}

/** Meetings under way at once. */
export const MAX_MEETINGS = 4
/** Those that are remembered, with the ones that are over. */
const MAX_REMEMBERED = 16
/** How long a meeting that is over can still be looked at. */
const REMEMBERED_MS = 300_000
/** How long {@link Meetings.status} waits for a change. */
export const MEETING_WAIT_MS = 25_000
/** How long the other side may take to hear that this one gave up. */
const CANCEL_TIMEOUT_MS = 3_000

/**
 * The meetings of this node (docs/protocol/meeting.md). Serves protocol `meet`, calls the node whose code was scanned, and writes trust once both people confirmed. What
 * both agreed upon is durable before either is told; anything earlier is forgotten with the process.
 */
export class Meetings implements AsyncDisposable {
  readonly #sources: MeetingSources
  readonly #jobs: MeetingJobs
  readonly #slots: Map<string, MeetingSlot> = new Map()
  readonly #stop = new AbortController()
  readonly #work: Set<Promise<void>> = new Set()
  readonly #desk: MeetingDesk

  private constructor(sources: MeetingSources, jobs: MeetingJobs) {
    this.#sources = sources
    this.#jobs = jobs
    this.#desk = new MeetingDesk(sources, jobs, {
      find: (id) => this.#slots.get(id),
      advance: async (slot, event) => await this.#advance(slot, event),
    })
    for (const job of jobs.open()) this.#track(this.#settle(job))
  }

  /** Goes on with what an earlier run agreed upon, and serves until disposed of. */
  static async open(sources: MeetingSources, options: CallOptions): Promise<Result<Meetings>> {
    const jobs = await MeetingJobs.open(sources, options)
    return jobs.ok ? ok(new Meetings(sources, jobs.value)) : jobs
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#desk[Symbol.dispose]()
    this.#stop.abort()
    await Promise.all(this.#work)
    for (const slot of this.#slots.values()) slot[Symbol.dispose]()
    this.#slots.clear()
  }

  /** Whether trust in a cluster is about to be written. */
  isPending(cluster: ClusterId): boolean {
    return this.#jobs.open().some((job) => job.cluster === cluster)
  }

  /** Begins a meeting whose code this side shows. */
  async start(options: CallOptions): Promise<Result<MeetingProgress>> {
    const party = await this.#party(options)
    if (!party.ok) return party
    const { addresses, cluster, signingKey } = party.value.identity
    const code = { cluster, signingKey, addresses, secret: this.#sources.context.random(MEETING_SECRET_BYTES) }
    return this.#seat(code, showMeeting(code, party.value, this.#expiry()))
  }

  /** Begins a meeting with the node whose code a person scanned or typed. The same code again is the same meeting, while that lasts. */
  async enter(text: string, options: CallOptions): Promise<Result<MeetingProgress>> {
    const code = decodeMeetingCode(text)
    if (!code.ok) return code
    const { keystore, primitives } = this.#sources.context
    if (code.value.cluster === keystore.identity().cluster)
      return refuse("MEETING_OWN_CLUSTER", "this code is shown by a node of this cluster; its nodes know each other without meeting")
    const opened = openMeetingCode(primitives, code.value)
    opened.proofKey[Symbol.dispose]()
    const same = this.#slots.get(toHex(opened.id))
    if (same?.isOver === false) return ok(same.progress(primitives))
    const party = await this.#party(options)
    return party.ok ? this.#seat(code.value, scanMeeting(primitives, code.value, party.value, this.#expiry())) : party
  }

  /** How far a meeting is; with `since`, once it is further than that revision, or after 25 s. */
  async status(id: string, since: number | undefined, { signal }: CallOptions): Promise<Result<MeetingProgress>> {
    const slot = this.#slot(id)
    if (!slot.ok) return slot
    const { clock, primitives } = this.#sources.context
    if (since !== undefined && since === slot.value.revision) {
      const over = new AbortController()
      const either = AbortSignal.any([signal, this.#stop.signal, over.signal])
      const late = clock.sleep(MEETING_WAIT_MS, { signal: either }).catch((error: unknown) => {
        if (!either.aborted) throw error
      })
      await Promise.race([late, slot.value.changed(since, { signal: either })])
      over.abort()
      signal.throwIfAborted()
    }
    return ok(slot.value.progress(primitives))
  }

  /** A person compared the words. A nickname that the cluster may not have is refused, and nothing is confirmed. */
  async confirm(id: string, nickname: string | undefined, options: CallOptions): Promise<Result<MeetingProgress>> {
    const { book, context } = this.#sources
    const slot = this.#slot(id)
    if (!slot.ok) return slot
    const { other, role } = slot.value.meeting
    const transcript = confirmable(slot.value.meeting)
    if (!transcript.ok || other === undefined) return transcript.ok ? unknown() : transcript
    const name = nickname === undefined ? ok(undefined) : book.mayName(other.identity.cluster, nickname)
    if (!name.ok) return name
    const signature = await context.keystore.sign("message", confirmationSignBytes(role, transcript.value), options)
    if (!signature.ok) return signature
    slot.value.nickname = name.value
    const confirmed = await this.#advance(slot.value, { kind: "confirmed", signature: signature.value })
    return confirmed.ok ? ok(slot.value.progress(context.primitives)) : confirmed
  }

  /** Gives a meeting up, and tells the other side if it is there. Without effect once both have confirmed. */
  async cancel(id: string): Promise<Result<MeetingProgress>> {
    const slot = this.#slot(id)
    if (!slot.ok) return slot
    const wasOver = slot.value.isOver
    await this.#advance(slot.value, { kind: "cancelled" })
    const { code, role, stage } = slot.value.meeting
    if (!wasOver && role === "scans" && stage === "failed") this.#track(this.#tellCancelled(slot.value, code))
    return ok(slot.value.progress(this.#sources.context.primitives))
  }

  #slot(id: string): Result<MeetingSlot, "MEETING_UNKNOWN"> {
    const slot = this.#slots.get(id.toLowerCase())
    return slot === undefined ? unknown() : ok(slot)
  }

  async #party(options: CallOptions): ReturnType<typeof ownParty> {
    const full = this.#full()
    return full ?? (await ownParty(this.#sources, options))
  }

  #expiry(): Timestamp {
    return unwrap(decodeTimestamp(this.#sources.context.clock.now() + MEETING_MS))
  }

  #full(): Refusal<"MEETING_LIMIT"> | undefined {
    const underWay = [...this.#slots.values()].filter(({ isOver }) => !isOver)
    if (underWay.length < MAX_MEETINGS) return undefined
    return refuse("MEETING_LIMIT", `${underWay.length} meetings are under way, as many as there may be; finish or cancel one`)
  }

  /** Several calls may come here at once: the one that is first with a code is the meeting. */
  #seat(code: MeetingCode, meeting: Meeting): Result<MeetingProgress> {
    const { context } = this.#sources
    const { id, proofKey } = openMeetingCode(context.primitives, code)
    const same = this.#slots.get(toHex(id))
    const full = same?.isOver === false ? ok(same.progress(context.primitives)) : this.#full()
    if (full !== undefined) {
      proofKey[Symbol.dispose]()
      return full
    }
    const line = { id, proofKey, role: meeting.role, self: meeting.party.identity.signingKey }
    const slot = new MeetingSlot(toHex(id), line, meeting)
    same?.[Symbol.dispose]()
    this.#slots.set(slot.id, slot)
    for (const [old, each] of this.#slots) {
      if (this.#slots.size <= MAX_REMEMBERED) break
      if (each.isOver) this.#forget(old, each)
    }
    this.#track(this.#follow(slot))
    return ok(slot.progress(context.primitives))
  }

  /** From its beginning until it is forgotten. */
  async #follow(slot: MeetingSlot): Promise<void> {
    const { context } = this.#sources
    const { clock } = context
    const { signal } = this.#stop
    const advance = async (event: MeetingEvent): Promise<Result<unknown>> => await this.#advance(slot, event)
    if (slot.meeting.role === "scans") await scanUntilOver(context, slot, advance, { signal })
    await clock.sleep(Math.max(0, slot.meeting.expiresAt - clock.now()), { signal })
    await advance({ kind: "time", now: clock.now() })
    await clock.sleep(REMEMBERED_MS, { signal })
    this.#forget(slot.id, slot)
  }

  #forget(id: string, slot: MeetingSlot): void {
    if (this.#slots.get(id) === slot) this.#slots.delete(id)
    slot[Symbol.dispose]()
  }

  /** The next state. That both have confirmed is durable before anybody sees it. */
  async #advance(slot: MeetingSlot, event: MeetingEvent): Promise<Result<MeetingStep>> {
    const { context, keyChains } = this.#sources
    const tools = { primitives: context.primitives, known: (cluster: ClusterId) => keyChains.cluster(cluster)?.head }
    return await slot.inTurn(async () => {
      const step = stepMeeting(tools, slot.meeting, event)
      if (step.meeting.stage !== "agreed" || slot.meeting.stage === "agreed") {
        slot.take(step.meeting)
        return ok(step)
      }
      const job = await this.#agree(slot, step.meeting)
      if (!job.ok) return job
      slot.take(step.meeting)
      this.#track(this.#settle(job.value))
      return ok(step)
    })
  }

  /** Persists what both agreed upon, with the other's key chain and what this side still has to say. */
  async #agree(slot: MeetingSlot, meeting: Meeting): Promise<Result<MeetingJob>> {
    const { other, confirmation } = meeting
    const { signal } = this.#stop
    if (other?.verified === undefined || confirmation === undefined) return unknown()
    const { anchorKey, cluster, addresses, head, signingKey } = other.identity
    const body = { step: "standing", confirmation } as const
    const said =
      meeting.role === "shows" ? await sayInMeeting(this.#sources.context, slot.line, { body, to: signingKey }, { signal }) : undefined
    if (said?.ok === false) return said
    const job: MeetingJob = {
      meeting: slot.line.id,
      cluster,
      anchorKey,
      signingKey,
      addresses,
      ...(slot.nickname === undefined ? {} : { nickname: slot.nickname }),
      keepUntil: unwrap(decodeTimestamp(meeting.expiresAt + 2 * MEETING_GRACE_MS)),
      ...(said === undefined ? {} : { answer: encodeMeetingAnswer({ kind: "said", ...said.value }) }),
      isSettled: false,
    }
    const kept = await this.#jobs.begin(job, { chain: other.verified, head, fresh: other.entries }, { signal })
    return kept.ok ? ok(job) : kept
  }

  async #settle(job: MeetingJob): Promise<void> {
    const { signal } = this.#stop
    const settled = await this.#jobs.settle(job, { signal })
    this.#slots.get(toHex(job.meeting))?.conclude(settled.ok ? "done" : settled)
    if (!settled.ok) this.#sources.log(`${settled.code}: ${settled.message}`)
    await this.#jobs.expire(job, { signal })
  }

  async #tellCancelled(slot: MeetingSlot, { addresses, signingKey }: MeetingCode): Promise<void> {
    const signal = AbortSignal.any([this.#stop.signal, AbortSignal.timeout(CANCEL_TIMEOUT_MS)])
    await askInMeeting(this.#sources.context, slot.line, { body: { step: "cancel" }, peer: { signingKey, addresses } }, { signal })
  }

  /** Work of this node's own; what stops it is its end. */
  #track(work: Promise<void>): void {
    const tracked = work
      .catch((error: unknown) => {
        if (!this.#stop.signal.aborted) this.#sources.log(`NODE_BACKGROUND_FAILED: ${error instanceof Error ? error.message : "unknown"}`)
      })
      .finally(() => this.#work.delete(tracked))
    this.#work.add(tracked)
  }
}

function unknown(): Refusal<"MEETING_UNKNOWN"> {
  return refuse("MEETING_UNKNOWN", "there is no such meeting on this node, or it is long over; begin another one")
}
