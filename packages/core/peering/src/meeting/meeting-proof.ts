import { equalConstantTime, refuse, ok, type Result, type Secret } from "@keygrove/base"
import { encodeInfo, type Primitives } from "@keygrove/crypto"
import type { MeetingMessage } from "./meeting-messages.ts"

/** Which side of a meeting: who shows the code, or who scans it. */
export type MeetingRole = "shows" | "scans"

/** A message before it is proved and signed, or what a reader expects of one. */
export interface MeetingDraft {
  /** 16 bytes. */
  readonly meeting: Uint8Array
  /** The role of whoever sends it. */
  readonly role: MeetingRole
  /** Signing keys of both nodes, 32 bytes each. */
  readonly from: Uint8Array
  readonly to: Uint8Array
  /** Encoded body. */
  readonly body: Uint8Array
}

/** That the sender saw the code: HMAC-SHA-256 over info("keygrove/v1/meet-proof", meeting, role, from, to, body). */
export function meetingProof(primitives: Pick<Primitives, "hmacSha256">, proofKey: Secret, draft: MeetingDraft): Uint8Array {
  const { body, from, meeting, role, to } = draft
  return primitives.hmacSha256(proofKey, encodeInfo(["keygrove/v1/meet-proof", meeting, role, from, to, body]))
}

/** What the sender's signing key signs: info("keygrove/v1/meet", meeting, role, from, to, body). */
export function meetingSignBytes({ body, from, meeting, role, to }: MeetingDraft): Uint8Array {
  return encodeInfo(["keygrove/v1/meet", meeting, role, from, to, body])
}

/** Whether a message comes from this sender in this role, for this reader, from somebody who saw the code. */
export function verifyMeetingMessage(
  primitives: Pick<Primitives, "hmacSha256" | "ed25519">,
  proofKey: Secret,
  expected: Omit<MeetingDraft, "body">,
  { body, proof, signature }: MeetingMessage,
): Result<true, "MEETING_PROOF_WRONG"> {
  const draft = { ...expected, body }
  if (
    !equalConstantTime(proof, meetingProof(primitives, proofKey, draft)) ||
    !primitives.ed25519.verify(draft.from, meetingSignBytes(draft), signature)
  )
    return refuse(
      "MEETING_PROOF_WRONG",
      "the message does not come from a node that saw the code of a meeting that goes on; have a new code shown",
    )
  return ok(true)
}
