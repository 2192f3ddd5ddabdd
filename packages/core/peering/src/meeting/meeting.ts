import { equalBytes, ok, refuse, type Refusal, type Result } from "@keygrove/base"
import { encodeInfo, type Primitives } from "@keygrove/crypto"
import type { ClusterId, Timestamp } from "@keygrove/hierarchy"
import { emptyKeyChain, type KeyChain, type KeyChainRefusal, type LedgerHead, type VerifiedKeyChain } from "@keygrove/ledger"
import { meetingCodeBytes, type MeetingCode } from "./meeting-code.ts"
import { encodeMeetingBody, type MeetingBody, type MeetingIdentity } from "./meeting-messages.ts"
import type { MeetingRole } from "./meeting-proof.ts"

/** Why a meeting ended without trust, or a step of it was refused. */
export type MeetingRefusal =
  | KeyChainRefusal
  | "MEETING_TAKEN"
  | "MEETING_ORDER_WRONG"
  | "MEETING_COMMITMENT_WRONG"
  | "MEETING_IDENTITY_WRONG"
  | "MEETING_OWN_CLUSTER"
  | "MEETING_NODE_ENDED"
  | "MEETING_ROOT_REPLACED"
  | "MEETING_CHAIN_TOO_LONG"
  | "MEETING_CANCELLED"
  | "MEETING_EXPIRED"
  | "MEETING_NOT_COMPARED"

/** This side of a meeting: who it is, and what proves it. */
export interface MeetingParty {
  readonly identity: MeetingIdentity
  /** Random, 32 bytes, of this meeting alone. */
  readonly nonce: Uint8Array
  /** The cluster's key chain, closed by the head that the identity carries. */
  readonly entries: readonly Uint8Array[]
}

/** The other side, as far as it was heard. */
export interface MetParty {
  readonly identity: MeetingIdentity
  /** Its opening or reveal as it was encoded. */
  readonly said: Uint8Array
  /** As much of its key chain as arrived; every entry was verified. */
  readonly chain: KeyChain
  readonly entries: readonly Uint8Array[]
  /** Once the chain is whole, closed by its head, and the node stands at its end. */
  readonly verified?: VerifiedKeyChain
}

/**
 * How far one side is. `waiting`: the code was not used yet. `compare`: the transcript and both key chains are complete. `confirmed`: this side's person said that the words
 * are the same. `agreed`: both did, so trust is to be written. `failed`: nothing will be.
 */
export type MeetingStage = "waiting" | "exchanging" | "compare" | "confirmed" | "agreed" | "failed"

/** One side of a meeting. Immutable; `stepMeeting` gives the next. */
export interface Meeting {
  readonly role: MeetingRole
  readonly code: MeetingCode
  readonly expiresAt: Timestamp
  readonly party: MeetingParty
  readonly stage: MeetingStage
  /** Signing key of the node at the other side; of whoever shows a code it is the first that proved to have seen it. */
  readonly peer?: Uint8Array
  /** The encoded `begin`. */
  readonly begun?: Uint8Array
  /** Whoever scans: the other side took our reveal. */
  readonly isAccepted: boolean
  /** Whoever scans: how many of our entries the other side took. */
  readonly taken: number
  readonly other?: MetParty
  /** What both sides said about themselves, 32 bytes. */
  readonly transcript?: Uint8Array
  /** Signatures over {@link confirmationSignBytes}, 64 bytes. */
  readonly confirmation?: Uint8Array
  readonly otherConfirmation?: Uint8Array
  readonly failure?: Refusal
}

/** What judges who the other side is. */
export interface MeetingTools {
  readonly primitives: Pick<Primitives, "sha256" | "ed25519">
  /** How far the key chain of a cluster was seen before, also on this side's own ledger; it is never believed to be shorter or another. */
  known(cluster: ClusterId): LedgerHead | undefined
}

/** What happens to a meeting. */
export type MeetingEvent =
  /** The other side asks; whoever shows the code answers. `from` is the signing key at the other end of the line. */
  | { readonly kind: "asked"; readonly from: Uint8Array; readonly body: MeetingBody }
  /** The other side answered what `nextRequest` asked. */
  | { readonly kind: "answered"; readonly body: MeetingBody }
  /** The other side refused for good. */
  | { readonly kind: "refused"; readonly refusal: Refusal }
  /** This side's person compared the words; `signature` is this node's over {@link confirmationSignBytes}. */
  | { readonly kind: "confirmed"; readonly signature: Uint8Array }
  | { readonly kind: "cancelled" }
  | { readonly kind: "time"; readonly now: Timestamp }

/** A meeting afterwards; when it was asked, the answer as well. */
export interface MeetingStep {
  readonly meeting: Meeting
  readonly answer?: Result<MeetingBody, string>
}

/** How long a meeting may take from its code to the second confirmation, in milliseconds. */
export const MEETING_MS = 300_000
/** How long whoever confirmed in time asks on for the other's answer, and the other keeps it, in milliseconds. */
export const MEETING_GRACE_MS = 30_000

/** The side that shows the code. */
export function showMeeting(code: MeetingCode, party: MeetingParty, expiresAt: Timestamp): Meeting {
  return { role: "shows", code, expiresAt, party, stage: "waiting", isAccepted: false, taken: 0 }
}

/** The side that scanned the code. */
export function scanMeeting(primitives: Pick<Primitives, "sha256">, code: MeetingCode, party: MeetingParty, expiresAt: Timestamp): Meeting {
  const commitment = commitmentTo(primitives, code, encodeMeetingBody(introduction("scans", party)))
  const begun = encodeMeetingBody({ step: "begin", commitment })
  return { role: "scans", code, expiresAt, party, stage: "exchanging", peer: code.signingKey, begun, isAccepted: false, taken: 0 }
}

/** What a side says about itself: whoever shows opens with it, whoever scans reveals it. */
export function introduction(role: MeetingRole, { identity, nonce }: MeetingParty): MeetingBody & { readonly step: "opening" | "reveal" } {
  return { step: role === "shows" ? "opening" : "reveal", nonce, identity }
}

/** What binds whoever scans to its reveal before it has seen the opening: SHA-256(info("keygrove/v1/meet-commitment", code, reveal)). */
export function commitmentTo(primitives: Pick<Primitives, "sha256">, code: MeetingCode, reveal: Uint8Array): Uint8Array {
  return primitives.sha256(encodeInfo(["keygrove/v1/meet-commitment", meetingCodeBytes(code), reveal]))
}

/** SHA-256(info("keygrove/v1/meet-transcript", code, begin, opening, reveal)): both identities, roles, nonces and the secret of the code. */
export function transcriptOf(
  primitives: Pick<Primitives, "sha256">,
  code: MeetingCode,
  said: { readonly begin: Uint8Array; readonly opening: Uint8Array; readonly reveal: Uint8Array },
): Uint8Array {
  return primitives.sha256(encodeInfo(["keygrove/v1/meet-transcript", meetingCodeBytes(code), said.begin, said.opening, said.reveal]))
}

/** What a node signs when its person has confirmed: info("keygrove/v1/meet-confirmation", role, transcript). */
export function confirmationSignBytes(role: MeetingRole, transcript: Uint8Array): Uint8Array {
  return encodeInfo(["keygrove/v1/meet-confirmation", role, transcript])
}

/** Whether the other side's signature says that its person has confirmed this very meeting. */
export function isConfirmation({ primitives }: MeetingTools, { peer, role, transcript }: Meeting, signature: Uint8Array): boolean {
  if (peer === undefined || transcript === undefined) return false
  const other = role === "shows" ? "scans" : "shows"
  return primitives.ed25519.verify(peer, confirmationSignBytes(other, transcript), signature)
}

/** The other side after it said who it is. */
export function metParty({ primitives }: MeetingTools, identity: MeetingIdentity, said: Uint8Array): MetParty {
  return { identity, said, chain: emptyKeyChain(primitives, identity.anchorKey), entries: [] }
}

/** Whether nothing changes a meeting any more. */
export function isOver({ stage }: Meeting): boolean {
  return stage === "agreed" || stage === "failed"
}

/** A meeting that ends without trust. */
export function failed(meeting: Meeting, failure: Refusal): Meeting {
  return { ...meeting, stage: "failed", failure }
}

/** Whether two encoded bodies are the same; a message that comes twice is answered twice. */
export function isSameBody(known: Uint8Array | undefined, body: MeetingBody): boolean {
  return known !== undefined && equalBytes(known, encodeMeetingBody(body))
}

/** A confirmation that a person may give now, or why not. */
export function confirmable(meeting: Meeting): Result<Uint8Array, "MEETING_NOT_COMPARED"> {
  const { stage, transcript } = meeting
  if (stage === "compare" && transcript !== undefined) return ok(transcript)
  return refuse(
    "MEETING_NOT_COMPARED",
    `the meeting is ${stage === "failed" ? "over" : `in stage ${stage}`}; there are words to confirm only in stage compare`,
  )
}
