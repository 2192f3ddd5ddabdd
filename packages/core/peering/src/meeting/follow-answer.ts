import { refuse } from "@keygrove/base"
import { decodeMeetingBody, encodeMeetingBody, sliceEntries, type MeetingBody } from "./meeting-messages.ts"
import { failed, introduction, isConfirmation, isOver, metParty, transcriptOf, type Meeting, type MeetingTools } from "./meeting.ts"
import { judgeIdentity, takeEntries } from "./judge-party.ts"

/** What the side that scanned asks next; the same again until it was answered. `undefined` when there is nothing to ask any more. */
export function nextRequest(meeting: Meeting): MeetingBody | undefined {
  const { begun, confirmation, other, party, role } = meeting
  if (role !== "scans" || begun === undefined || isOver(meeting)) return undefined
  if (other === undefined) {
    const begin = decodeMeetingBody(begun)
    return begin.ok ? begin.value : undefined
  }
  if (!meeting.isAccepted) return introduction("scans", party)
  if (other.verified === undefined) return { step: "read", from: other.chain.head.length }
  if (meeting.taken < party.entries.length)
    return { step: "present", from: meeting.taken, entries: sliceEntries(party.entries, meeting.taken) }
  return confirmation === undefined ? { step: "await" } : { step: "await", confirmation }
}

/** What the side that scanned becomes with the answer to {@link nextRequest}. One that does not fit, such as a late one, changes nothing. */
export function followAnswer(tools: MeetingTools, meeting: Meeting, body: MeetingBody): Meeting {
  switch (body.step) {
    case "opening":
      return meeting.other === undefined ? open(tools, meeting, body) : meeting
    case "accepted":
      return meeting.other === undefined ? meeting : { ...meeting, isAccepted: true }
    case "slice":
      return read(tools, meeting, body)
    case "taken":
      return compared({ ...meeting, taken: Math.max(meeting.taken, Math.min(body.length, meeting.party.entries.length)) })
    case "standing":
      return stand(tools, meeting, body.confirmation)
    default:
      return meeting
  }
}

function open(tools: MeetingTools, meeting: Meeting, body: MeetingBody & { readonly step: "opening" | "reveal" }): Meeting {
  const { begun, code, party } = meeting
  if (begun === undefined) return meeting
  const identity = judgeIdentity(tools, meeting, body.identity)
  if (!identity.ok) return failed(meeting, identity)
  const opening = encodeMeetingBody(body)
  const reveal = encodeMeetingBody(introduction("scans", party))
  return {
    ...meeting,
    transcript: transcriptOf(tools.primitives, code, { begin: begun, opening, reveal }),
    other: metParty(tools, body.identity, opening),
  }
}

function read(tools: MeetingTools, meeting: Meeting, body: MeetingBody & { readonly step: "slice" | "present" }): Meeting {
  const { other } = meeting
  if (other === undefined || other.verified !== undefined) return meeting
  const extended = takeEntries(tools, other, body)
  if (!extended.ok) return failed(meeting, extended)
  if (body.from === other.chain.head.length && extended.value.chain.head.length === other.chain.head.length)
    return failed(meeting, refuse("KEY_CHAIN_TRUNCATED", "the other side's key chain is shorter than its head says"))
  return compared({ ...meeting, other: extended.value })
}

/** Both key chains are where they belong: people can compare. */
function compared(meeting: Meeting): Meeting {
  const isComplete = meeting.other?.verified !== undefined && meeting.taken === meeting.party.entries.length
  return isComplete && meeting.stage === "exchanging" ? { ...meeting, stage: "compare" } : meeting
}

function stand(tools: MeetingTools, meeting: Meeting, confirmation: Uint8Array | undefined): Meeting {
  if (confirmation === undefined || meeting.stage !== "confirmed") return meeting
  // Over an authenticated line from the node that was met: a signature that does not hold is a fault of it, and asking again cannot help.
  if (!isConfirmation(tools, meeting, confirmation))
    return failed(meeting, refuse("MEETING_ORDER_WRONG", "the other side's confirmation is not of this meeting; begin another one"))
  return { ...meeting, otherConfirmation: confirmation, stage: "agreed" }
}
