import { refuse, unreachable } from "@keygrove/base"
import type { Timestamp } from "@keygrove/hierarchy"
import { answerScanner } from "./answer-scanner.ts"
import { followAnswer } from "./follow-answer.ts"
import {
  failed,
  isOver,
  MEETING_GRACE_MS,
  MEETING_MS,
  type Meeting,
  type MeetingEvent,
  type MeetingStep,
  type MeetingTools,
} from "./meeting.ts"

/** The next state of a meeting. Pure and total: what does not fit is refused, or fails the meeting. */
export function stepMeeting(tools: MeetingTools, meeting: Meeting, event: MeetingEvent): MeetingStep {
  switch (event.kind) {
    case "asked":
      return answerScanner(tools, meeting, event)
    case "answered":
      return { meeting: isOver(meeting) ? meeting : followAnswer(tools, meeting, event.body) }
    case "refused":
      return { meeting: isOver(meeting) ? meeting : failed(meeting, event.refusal) }
    case "confirmed":
      return { meeting: confirmed(meeting, event.signature) }
    case "cancelled":
      return {
        meeting: isOver(meeting) ? meeting : failed(meeting, refuse("MEETING_CANCELLED", "the meeting was cancelled; begin another one")),
      }
    case "time":
      return { meeting: expired(meeting, event.now) }
    default:
      return unreachable(event)
  }
}

function confirmed(meeting: Meeting, confirmation: Uint8Array): Meeting {
  if (meeting.stage !== "compare") return meeting
  return { ...meeting, confirmation, stage: meeting.otherConfirmation === undefined ? "confirmed" : "agreed" }
}

function expired(meeting: Meeting, now: Timestamp): Meeting {
  const isAsking = meeting.role === "scans" && meeting.stage === "confirmed"
  if (isOver(meeting) || now < meeting.expiresAt + (isAsking ? MEETING_GRACE_MS : 0)) return meeting
  const minutes = MEETING_MS / 60_000
  return failed(meeting, refuse("MEETING_EXPIRED", `the meeting was not finished within ${minutes} minutes; begin another one`))
}
