import { ok, refuse, toHex, type Refusal, type Result } from "@keygrove/base"
import type { ClusterId } from "@keygrove/hierarchy"
import {
  decodeMeetingRequest,
  encodeMeetingAnswer,
  takeToken,
  type MeetingAnswer,
  type MeetingEvent,
  type MeetingMessage,
  type MeetingStep,
  type Rate,
  type TokenBucket,
} from "@keygrove/peering"
import type { NodeContext } from "../node-context.ts"
import type { CallOptions } from "../ports/call-options.ts"
import type { InboundRequest } from "../ports/transport.ts"
import type { KeyChains } from "../trust/key-chains.ts"
import type { MeetingJobs } from "./meeting-jobs.ts"
import { hearInMeeting, sayInMeeting } from "./meeting-line.ts"
import type { MeetingSlot } from "./meeting-slot.ts"

interface DeskSources {
  readonly context: Pick<NodeContext, "clock" | "keystore" | "primitives" | "transport">
  readonly keyChains: KeyChains
}

/** The meetings that the desk answers for. */
interface DeskMeetings {
  find(id: string): MeetingSlot | undefined
  advance(slot: MeetingSlot, event: MeetingEvent): Promise<Result<MeetingStep>>
}

/** Messages of one node that prove nothing; the next ones are refused unread. Whoever saw the code is not delayed by it. */
const WRONG_RATE: Rate = { burst: 3, perSecond: 1 }
/** Nodes whose wrong messages are remembered. */
const MAX_METERED = 1_024

/** Answers protocol `meet`, which is open to nodes that nobody knows. */
export class MeetingDesk implements Disposable {
  readonly #sources: DeskSources
  readonly #jobs: MeetingJobs
  readonly #meetings: DeskMeetings
  readonly #serving: Disposable
  readonly #wrong: Map<string, TokenBucket> = new Map()
  #isIntroducing = false

  constructor(sources: DeskSources, jobs: MeetingJobs, meetings: DeskMeetings) {
    this.#sources = sources
    this.#jobs = jobs
    this.#meetings = meetings
    this.#serving = sources.context.transport.serve("meet", async (request, options) => await this.#answer(request, options))
  }

  [Symbol.dispose](): void {
    this.#serving[Symbol.dispose]()
  }

  async #answer({ body, from }: InboundRequest, options: CallOptions): Promise<Uint8Array> {
    const peer = toHex(from)
    const { bucket, taken } = takeToken(this.#wrong.get(peer), WRONG_RATE, this.#sources.context.clock.now())
    if (!taken) return refused(refuse("RATE_LIMITED", "too many messages of this node proved nothing; wait a moment"))
    const request = decodeMeetingRequest(body)
    if (!request.ok) {
      this.#meter(peer, bucket)
      return refused(request)
    }
    if (request.value.op === "introduce") {
      this.#meter(peer, bucket)
      const introduced = await this.#introduce(from, request.value.cluster, options)
      return introduced.ok ? encodeMeetingAnswer(introduced.value) : refused(introduced)
    }
    const id = toHex(request.value.meeting)
    const slot = this.#meetings.find(id)
    // After a restart, the meeting itself is forgotten.
    const kept = slot === undefined ? this.#jobs.answerFor(id, from) : undefined
    if (kept !== undefined) return kept
    const heard = slot?.meeting.role === "shows" ? await this.#hear(slot, from, request.value, options) : unproved()
    if (heard.ok) return encodeMeetingAnswer(heard.value)
    if (heard.code === "MEETING_PROOF_WRONG") this.#meter(peer, bucket)
    return refused(heard)
  }

  async #hear(slot: MeetingSlot, from: Uint8Array, message: MeetingMessage, options: CallOptions): Promise<Result<MeetingAnswer>> {
    const { context } = this.#sources
    const body = hearInMeeting(context, slot.line, from, message)
    if (!body.ok) return body
    const step = await this.#meetings.advance(slot, { kind: "asked", from, body: body.value })
    if (!step.ok) return refuse("MEETING_BUSY", "the node cannot go on at the moment; it is asked again")
    const { answer } = step.value
    if (answer?.ok !== true) return answer ?? unproved()
    const said = await sayInMeeting(context, slot.line, { body: answer.value, to: from }, options)
    return said.ok ? ok({ kind: "said", ...said.value }) : refuse("MEETING_BUSY", "the node cannot sign at the moment; it is asked again")
  }

  /** A node of a trusted cluster says that there is news of its key chain, which says who it is: asks it for that, on the line it opened. */
  async #introduce(from: Uint8Array, cluster: ClusterId, options: CallOptions): Promise<Result<MeetingAnswer>> {
    const { keyChains } = this.#sources
    const trust = keyChains.trusted().find((each) => each.cluster === cluster)
    if (trust === undefined) return refuse("CHAIN_NOT_SERVED", "that cluster is not trusted here")
    if (this.#isIntroducing) return refuse("MEETING_BUSY", "another node is being introduced; try again in a moment")
    this.#isIntroducing = true
    try {
      const refreshed = await keyChains.refresh(trust, { signingKey: from, addresses: [] }, options)
      if (refreshed.ok && keyChains.find(from)?.node.cluster === cluster) return ok({ kind: "introduced", length: refreshed.value })
      return refuse("CHAIN_NOT_SERVED", "the key chain that it gave does not name it as a node")
    } finally {
      this.#isIntroducing = false
    }
  }

  #meter(peer: string, bucket: TokenBucket): void {
    this.#wrong.delete(peer)
    this.#wrong.set(peer, bucket)
    const [oldest] = this.#wrong.keys()
    if (this.#wrong.size > MAX_METERED && oldest !== undefined) this.#wrong.delete(oldest)
  }
}

function refused({ code, message }: Refusal): Uint8Array {
  return encodeMeetingAnswer({ kind: "refused", code, message })
}

/** The same for a wrong proof and for no meeting: nobody learns which meetings there are. */
function unproved(): Refusal<"MEETING_PROOF_WRONG"> {
  return refuse(
    "MEETING_PROOF_WRONG",
    "the message does not come from a node that saw the code of a meeting that goes on; have a new code shown",
  )
}
