import { ok, refuse, type Result, type Secret } from "@keygrove/base"
import {
  decodeMeetingAnswer,
  decodeMeetingBody,
  encodeMeetingBody,
  encodeMeetingRequest,
  meetingProof,
  meetingSignBytes,
  verifyMeetingMessage,
  type MeetingBody,
  type MeetingMessage,
  type MeetingRole,
} from "@keygrove/peering"
import type { NodeContext } from "../node-context.ts"
import type { CallOptions } from "../ports/call-options.ts"
import type { PeerAddress } from "../ports/transport.ts"

type LineContext = Pick<NodeContext, "primitives" | "keystore" | "transport">

/** What proves messages of one meeting. */
export interface MeetingLine {
  /** 16 bytes. */
  readonly id: Uint8Array
  /** Borrowed from the meeting. */
  readonly proofKey: Secret
  /** The role of this side. */
  readonly role: MeetingRole
  /** This node's signing key when the meeting began: a node that rekeys meanwhile is another to the other side. */
  readonly self: Uint8Array
}

/** How long the other side may take for one answer. */
const ANSWER_TIMEOUT_MS = 10_000

/** A message of this side, proved and signed. Refuses what the keystore refuses. */
export async function sayInMeeting(
  { keystore, primitives }: LineContext,
  { id, proofKey, role, self }: MeetingLine,
  { body, to }: { readonly body: MeetingBody; readonly to: Uint8Array },
  options: CallOptions,
): Promise<Result<MeetingMessage>> {
  const draft = { meeting: id, role, from: self, to, body: encodeMeetingBody(body) }
  const signature = await keystore.sign("message", meetingSignBytes(draft), options)
  if (!signature.ok) return signature
  return ok({ meeting: id, body: draft.body, proof: meetingProof(primitives, proofKey, draft), signature: signature.value })
}

/** What the other side said, if it comes from a node that saw the code. */
export function hearInMeeting(
  { primitives }: Pick<LineContext, "primitives">,
  { id, proofKey, role, self }: MeetingLine,
  from: Uint8Array,
  message: MeetingMessage,
): Result<MeetingBody, "MEETING_PROOF_WRONG" | "MEETING_MESSAGE_INVALID"> {
  const expected = { meeting: id, role: role === "shows" ? "scans" : "shows", from, to: self } as const
  const proved = verifyMeetingMessage(primitives, proofKey, expected, message)
  return proved.ok ? decodeMeetingBody(message.body) : proved
}

/** Asks the side that showed the code, and hears its answer. Its refusals come back with its codes. */
export async function askInMeeting(
  context: LineContext,
  line: MeetingLine,
  { body, peer }: { readonly body: MeetingBody; readonly peer: PeerAddress },
  { signal }: CallOptions,
): Promise<Result<MeetingBody>> {
  const said = await sayInMeeting(context, line, { body, to: peer.signingKey }, { signal })
  if (!said.ok) return said
  const deadline = AbortSignal.any([signal, AbortSignal.timeout(ANSWER_TIMEOUT_MS)])
  const answered = await context.transport.request(peer, "meet", encodeMeetingRequest({ op: "say", ...said.value }), { signal: deadline })
  if (!answered.ok) return answered
  const answer = decodeMeetingAnswer(answered.value)
  if (!answer.ok) return answer
  switch (answer.value.kind) {
    case "said":
      return hearInMeeting(context, line, peer.signingKey, answer.value)
    case "refused":
      return refuse(answer.value.code, answer.value.message)
    default:
      return refuse("MEETING_MESSAGE_INVALID", "the other side answered something else than it was asked")
  }
}
