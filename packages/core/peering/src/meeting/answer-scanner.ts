import { equalBytes, ok, refuse, type Refusal } from "@keygrove/base"
import { encodeMeetingBody, sliceEntries, type MeetingBody } from "./meeting-messages.ts"
import {
  commitmentTo,
  failed,
  introduction,
  isConfirmation,
  isOver,
  isSameBody,
  metParty,
  transcriptOf,
  type Meeting,
  type MeetingEvent,
  type MeetingStep,
  type MeetingTools,
} from "./meeting.ts"
import { judgeIdentity, takeEntries } from "./judge-party.ts"

type Asked = MeetingEvent & { readonly kind: "asked" }

/** What the side that shows the code answers, and becomes. Everything may come twice. */
export function answerScanner(tools: MeetingTools, meeting: Meeting, { body, from }: Asked): MeetingStep {
  if (meeting.role !== "shows") return { meeting, answer: outOfOrder() }
  if (meeting.failure !== undefined) return { meeting, answer: meeting.failure }
  if (meeting.peer !== undefined && !equalBytes(meeting.peer, from)) return { meeting, answer: taken() }
  switch (body.step) {
    case "begin":
      return begin(meeting, from, body)
    case "reveal":
      return reveal(tools, meeting, body)
    case "read":
      if (meeting.other === undefined) return { meeting, answer: outOfOrder() }
      return { meeting, answer: ok({ step: "slice", from: body.from, entries: sliceEntries(meeting.party.entries, body.from) }) }
    case "present":
      return present(tools, meeting, body)
    case "await":
      return stand(tools, meeting, body.confirmation)
    case "cancel":
      return isOver(meeting)
        ? { meeting, answer: ok(standing(meeting)) }
        : end(meeting, refuse("MEETING_CANCELLED", "the other side cancelled the meeting"))
    default:
      return { meeting, answer: outOfOrder() }
  }
}

function begin(meeting: Meeting, from: Uint8Array, body: MeetingBody): MeetingStep {
  const opening = introduction("shows", meeting.party)
  if (meeting.begun !== undefined) return { meeting, answer: isSameBody(meeting.begun, body) ? ok(opening) : taken() }
  return { meeting: { ...meeting, stage: "exchanging", peer: from, begun: encodeMeetingBody(body) }, answer: ok(opening) }
}

function reveal(tools: MeetingTools, meeting: Meeting, body: MeetingBody & { readonly step: "opening" | "reveal" }): MeetingStep {
  const { begun: commitment, code, other, party } = meeting
  if (commitment === undefined) return { meeting, answer: outOfOrder() }
  if (other !== undefined) return { meeting, answer: isSameBody(other.said, body) ? ok({ step: "accepted" }) : taken() }
  const said = encodeMeetingBody(body)
  if (!isSameBody(commitment, { step: "begin", commitment: commitmentTo(tools.primitives, code, said) }))
    return end(meeting, refuse("MEETING_COMMITMENT_WRONG", "the other side revealed something else than it had committed to"))
  const identity = judgeIdentity(tools, meeting, body.identity)
  if (!identity.ok) return end(meeting, identity)
  const opening = encodeMeetingBody(introduction("shows", party))
  const transcript = transcriptOf(tools.primitives, code, { begin: commitment, opening, reveal: said })
  return { meeting: { ...meeting, transcript, other: metParty(tools, body.identity, said) }, answer: ok({ step: "accepted" }) }
}

function present(tools: MeetingTools, meeting: Meeting, body: MeetingBody & { readonly step: "slice" | "present" }): MeetingStep {
  const { other } = meeting
  if (other === undefined) return { meeting, answer: outOfOrder() }
  const extended = other.verified === undefined ? takeEntries(tools, other, body) : ok(other)
  if (!extended.ok) return end(meeting, extended)
  const { chain, verified } = extended.value
  const stage = meeting.stage === "exchanging" && verified !== undefined ? "compare" : meeting.stage
  return { meeting: { ...meeting, other: extended.value, stage }, answer: ok({ step: "taken", length: chain.head.length }) }
}

function stand(tools: MeetingTools, meeting: Meeting, confirmation: Uint8Array | undefined): MeetingStep {
  if (meeting.other?.verified === undefined) return { meeting, answer: outOfOrder() }
  if (confirmation === undefined || meeting.otherConfirmation !== undefined) return { meeting, answer: ok(standing(meeting)) }
  if (!isConfirmation(tools, meeting, confirmation)) return { meeting, answer: outOfOrder() }
  const now: Meeting = { ...meeting, otherConfirmation: confirmation, stage: meeting.stage === "confirmed" ? "agreed" : meeting.stage }
  return { meeting: now, answer: ok(standing(now)) }
}

/** This side's confirmation is given away once both have confirmed, never before. */
function standing({ confirmation, stage }: Meeting): MeetingBody {
  return stage === "agreed" && confirmation !== undefined ? { step: "standing", confirmation } : { step: "standing" }
}

/** Ends the meeting, and tells the other side why. */
function end(meeting: Meeting, refusal: Refusal): MeetingStep {
  return { meeting: failed(meeting, refusal), answer: refusal }
}

function taken(): Refusal<"MEETING_TAKEN"> {
  return refuse("MEETING_TAKEN", "somebody used this code before; have the other side begin again and show a new one")
}

function outOfOrder(): Refusal<"MEETING_ORDER_WRONG"> {
  return refuse("MEETING_ORDER_WRONG", "the message does not fit where the meeting is; begin another one")
}
