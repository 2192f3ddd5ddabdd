import { decodeMeeting, type MeetingState } from "keygrove/rpc"
import type { CommandContext } from "../command.ts"
import { CommandError } from "../errors.ts"
import { callNode } from "../node-call.ts"

type Caller = Pick<CommandContext, "home" | "signal">

/** Asks the node something about a meeting. */
export async function callMeeting(caller: Caller, method: string, params: object = {}): Promise<MeetingState> {
  return decodeMeeting(method, await callNode(caller, method, params))
}

/**
 * Waits while the meeting is in one of these phases.
 * @throws CommandError with the meeting's own code when it failed.
 */
export async function whileIn(caller: Caller, meeting: MeetingState, phases: readonly MeetingState["phase"][]): Promise<MeetingState> {
  let now = meeting
  while (phases.includes(now.phase)) now = await callMeeting(caller, "meet.status", { meeting: now.meeting, since: now.revision })
  if (now.phase !== "failed") return now
  const { code, message } = now.error ?? { code: "UNEXPECTED", message: "the meeting failed and the node does not say why" }
  throw new CommandError(code, message)
}
