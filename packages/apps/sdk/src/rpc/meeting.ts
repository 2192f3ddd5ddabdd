import { KeygroveError } from "@keygrove/base/result"
import { AnswerFields } from "./fields.ts"

/** How far a meeting is (docs/protocol/meeting.md). */
export type MeetingPhase = "waiting" | "exchanging" | "compare" | "waiting-for-other" | "done" | "failed"

/** A meeting as this side's person sees it. */
export interface MeetingState {
  /** What the other calls name it by. */
  readonly meeting: string
  /** Grows with every change. */
  readonly revision: number
  readonly role: string
  readonly phase: MeetingPhase
  /** `kgmeet1…`, while this side shows it. */
  readonly code?: string
  readonly expires: Date
  /** Four words, for both people to compare. */
  readonly words?: readonly string[]
  readonly other?: { readonly cluster: string; readonly path: string; readonly nickname?: string }
  /** Why it failed. */
  readonly error?: { readonly code: string; readonly message: string }
}

const PHASES: readonly MeetingPhase[] = ["waiting", "exchanging", "compare", "waiting-for-other", "done", "failed"]

/** Reads the answer of a method `meet.*`. */
export function decodeMeeting(method: string, answer: unknown): MeetingState {
  const fields = new AnswerFields(method, answer)
  const said = fields.text("phase")
  const phase = PHASES.find((each) => each === said)
  if (phase === undefined)
    throw new KeygroveError(
      "RPC_ANSWER_INVALID",
      `the node's answer to ${method} has a phase that is not known here; is it another version of keygrove?`,
    )
  const code = fields.optionalText("code")
  const other = fields.get("other") === null ? undefined : fields.object("other")
  const error = fields.get("error") === null ? undefined : fields.object("error")
  const nickname = other?.optionalText("nickname")
  return {
    meeting: fields.text("meeting"),
    revision: fields.number("revision"),
    role: fields.text("role"),
    phase,
    expires: new Date(fields.number("expiresAt")),
    ...(code === undefined ? {} : { code }),
    ...(fields.get("words") === null ? {} : { words: fields.texts("words") }),
    ...(other === undefined
      ? {}
      : { other: { cluster: other.text("cluster"), path: other.text("path"), ...(nickname === undefined ? {} : { nickname }) } }),
    ...(error === undefined ? {} : { error: { code: error.text("code"), message: error.text("message") } }),
  }
}
