import {
  brandShape,
  bytesShape,
  bytesWithinShape,
  decodeShape,
  encodeCanonical,
  integerShape,
  unreachable,
  type CborValue,
  type Result,
} from "@keygrove/base"
import {
  clusterBytes,
  decodeClusterBytes,
  decodeGeneration,
  decodeNodePath,
  type ClusterId,
  type Generation,
  type NodePath,
} from "@keygrove/hierarchy"
import { MAX_ENTRY_BYTES, MAX_KEY_CHAIN_ENTRIES, MAX_KEY_CHAIN_HEAD_BYTES, MAX_SLICE_ENTRIES } from "@keygrove/ledger"
import * as v from "valibot"
import { refusalText, refusalTextShape } from "../refusal-text.ts"
import { MEETING_ID_BYTES } from "./meeting-code.ts"
import { meetingAddressesShape } from "./meeting-addresses.ts"

/** Who a side says it is; its key chain proves it. */
export interface MeetingIdentity {
  readonly cluster: ClusterId
  /** The root's anchor, Ed25519, 32 bytes; the cluster's id is its fingerprint. */
  readonly anchorKey: Uint8Array
  readonly path: NodePath
  readonly generation: Generation
  /** Ed25519, 32 bytes. */
  readonly signingKey: Uint8Array
  /** Where the node is, at most 4; none for one that only calls. */
  readonly addresses: readonly string[]
  /** Encoded head of the cluster's key chain, signed by this node. */
  readonly head: Uint8Array
}

/** What the sides say to each other, inside of messages that are proved and signed. */
export type MeetingBody =
  /** Who scanned commits to its `reveal`. */
  | { readonly step: "begin"; readonly commitment: Uint8Array }
  | { readonly step: "opening" | "reveal"; readonly nonce: Uint8Array; readonly identity: MeetingIdentity }
  | { readonly step: "accepted" }
  /** Asks for entries of the key chain, from a position on. */
  | { readonly step: "read"; readonly from: number }
  | { readonly step: "slice" | "present"; readonly from: number; readonly entries: readonly Uint8Array[] }
  /** How many entries were taken so far. */
  | { readonly step: "taken"; readonly length: number }
  /** Asks how the other side stands, and says so of its own: the signature of a person's confirmation, 64 bytes. */
  | { readonly step: "await" | "standing"; readonly confirmation?: Uint8Array }
  | { readonly step: "cancel" }

/** One message, as it is on the line: proved with the code's secret, and signed. */
export interface MeetingMessage {
  /** Which meeting, 16 bytes. */
  readonly meeting: Uint8Array
  /** Encoded {@link MeetingBody}. */
  readonly body: Uint8Array
  /** HMAC-SHA-256, 32 bytes. */
  readonly proof: Uint8Array
  /** Ed25519, 64 bytes. */
  readonly signature: Uint8Array
}

/** Requests of protocol `meet`. */
export type MeetingRequest =
  | ({ readonly op: "say" } & MeetingMessage)
  /** A node of a cluster that the other side trusts, which does not know this node yet: asks it to ask for the cluster's key chain, on this very line. */
  | { readonly op: "introduce"; readonly cluster: ClusterId }

/** Answers of protocol `meet`. */
export type MeetingAnswer =
  | ({ readonly kind: "said" } & MeetingMessage)
  /** How many entries of the key chain the other side has now. */
  | { readonly kind: "introduced"; readonly length: number }
  | { readonly kind: "refused"; readonly code: string; readonly message: string }

/** Longest encoded request or answer in bytes (the transport's limit). */
export const MAX_MEETING_MESSAGE_BYTES = 1_048_576
/** Bytes of a nonce. */
export const MEETING_NONCE_BYTES = 32
/** Bytes of entries in one message. */
export const MAX_MEETING_SLICE_BYTES = 983_040

const VERSION = 1
const version = v.literal(VERSION)
const position = integerShape(0, MAX_KEY_CHAIN_ENTRIES)
const nonce = bytesShape(MEETING_NONCE_BYTES)
const confirmation = v.exactOptional(bytesShape(64))
const entries = v.pipe(v.array(bytesWithinShape(1, MAX_ENTRY_BYTES)), v.maxLength(MAX_SLICE_ENTRIES))
const identity = v.strictObject({
  cluster: brandShape(decodeClusterBytes),
  anchorKey: bytesShape(32),
  path: brandShape(decodeNodePath),
  generation: brandShape(decodeGeneration),
  signingKey: bytesShape(32),
  addresses: meetingAddressesShape,
  head: bytesWithinShape(1, MAX_KEY_CHAIN_HEAD_BYTES),
})
const bodyShape = v.variant("step", [
  v.strictObject({ v: version, step: v.literal("begin"), commitment: bytesShape(32) }),
  v.strictObject({ v: version, step: v.picklist(["opening", "reveal"]), nonce, identity }),
  v.strictObject({ v: version, step: v.picklist(["accepted", "cancel"]) }),
  v.strictObject({ v: version, step: v.literal("read"), from: position }),
  v.strictObject({ v: version, step: v.picklist(["slice", "present"]), from: position, entries }),
  v.strictObject({ v: version, step: v.literal("taken"), length: position }),
  v.strictObject({ v: version, step: v.picklist(["await", "standing"]), confirmation }),
])

const messageFields = {
  v: version,
  meeting: bytesShape(MEETING_ID_BYTES),
  body: bytesWithinShape(1, MAX_MEETING_MESSAGE_BYTES),
  proof: bytesShape(32),
  sig: bytesShape(64),
}
const requestShape = v.variant("op", [
  v.strictObject({ ...messageFields, op: v.literal("say") }),
  v.strictObject({ v: version, op: v.literal("introduce"), cluster: brandShape(decodeClusterBytes) }),
])
const answerShape = v.variant("kind", [
  v.strictObject({ ...messageFields, kind: v.literal("said") }),
  v.strictObject({ v: version, kind: v.literal("introduced"), length: position }),
  v.strictObject({
    v: version,
    kind: v.literal("refused"),
    code: v.pipe(v.string(), v.regex(/^[A-Z][A-Z0-9_]{0,63}$/)),
    message: refusalTextShape,
  }),
])

const rules = { maxBytes: MAX_MEETING_MESSAGE_BYTES, code: "MEETING_MESSAGE_INVALID" } as const

/** Canonical CBOR of a body. */
export function encodeMeetingBody(body: MeetingBody): Uint8Array {
  switch (body.step) {
    case "opening":
    case "reveal":
      return encodeCanonical({ v: VERSION, step: body.step, nonce: body.nonce, identity: identityValue(body.identity) })
    case "await":
    case "standing": {
      const { confirmation: signature, step } = body
      return encodeCanonical(signature === undefined ? { v: VERSION, step } : { v: VERSION, step, confirmation: signature })
    }
    default:
      return encodeCanonical({ v: VERSION, ...body })
  }
}

/** Strict inverse of {@link encodeMeetingBody}. */
export function decodeMeetingBody(bytes: Uint8Array): Result<MeetingBody, "MEETING_MESSAGE_INVALID"> {
  const decoded = decodeShape(bytes, { ...rules, shape: bodyShape, noun: "message of a meeting" })
  if (!decoded.ok) return decoded
  const { v: _version, ...body } = decoded.value
  return { ok: true, value: body }
}

/** Canonical CBOR of a request. */
export function encodeMeetingRequest(request: MeetingRequest): Uint8Array {
  if (request.op === "introduce") return encodeCanonical({ v: VERSION, op: request.op, cluster: clusterBytes(request.cluster) })
  return encodeCanonical({ v: VERSION, op: request.op, ...messageValue(request) })
}

/** Strict inverse of {@link encodeMeetingRequest}. */
export function decodeMeetingRequest(bytes: Uint8Array): Result<MeetingRequest, "MEETING_MESSAGE_INVALID"> {
  const decoded = decodeShape(bytes, { ...rules, shape: requestShape, noun: "request of a meeting" })
  if (!decoded.ok) return decoded
  const request = decoded.value
  if (request.op === "introduce") return { ok: true, value: { op: request.op, cluster: request.cluster } }
  const { body, meeting, op, proof, sig } = request
  return { ok: true, value: { op, meeting, body, proof, signature: sig } }
}

/** Canonical CBOR of an answer. A refusal's message is cut to 1,024 printable characters. */
export function encodeMeetingAnswer(answer: MeetingAnswer): Uint8Array {
  switch (answer.kind) {
    case "said":
      return encodeCanonical({ v: VERSION, kind: answer.kind, ...messageValue(answer) })
    case "introduced":
      return encodeCanonical({ v: VERSION, kind: answer.kind, length: answer.length })
    case "refused":
      return encodeCanonical({ v: VERSION, kind: answer.kind, code: answer.code, message: refusalText(answer.message) })
    default:
      return unreachable(answer)
  }
}

/** Strict inverse of {@link encodeMeetingAnswer}. */
export function decodeMeetingAnswer(bytes: Uint8Array): Result<MeetingAnswer, "MEETING_MESSAGE_INVALID"> {
  const decoded = decodeShape(bytes, { ...rules, shape: answerShape, noun: "answer of a meeting" })
  if (!decoded.ok) return decoded
  if (decoded.value.kind !== "said") {
    const { v: _version, ...answer } = decoded.value
    return { ok: true, value: answer }
  }
  const { body, kind, meeting, proof, sig } = decoded.value
  return { ok: true, value: { kind, meeting, body, proof, signature: sig } }
}

/** As many entries from a position on as one message carries. */
export function sliceEntries(all: readonly Uint8Array[], from: number): readonly Uint8Array[] {
  let bytes = 0
  const slice = all.slice(from, from + MAX_SLICE_ENTRIES)
  // A length of at most 5 bytes stands before each.
  const end = slice.findIndex((entry) => (bytes += entry.length + 5) > MAX_MEETING_SLICE_BYTES)
  return end === -1 ? slice : slice.slice(0, end)
}

function identityValue({ addresses, anchorKey, cluster, generation, head, path, signingKey }: MeetingIdentity): CborValue {
  return { cluster: clusterBytes(cluster), anchorKey, path, generation, signingKey, addresses, head }
}

function messageValue({ body, meeting, proof, signature }: MeetingMessage): { readonly [name: string]: CborValue } {
  return { meeting, body, proof, sig: signature }
}
