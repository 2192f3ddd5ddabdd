import { brandShape, bytesShape, bytesWithinShape, decodeShape, encodeCanonical, type CborValue, type Result } from "@keygrove/base"
import { decodePieceIndex, MAX_CUSTODY_MEMBERS, type PieceIndex } from "@keygrove/pieces"
import * as v from "valibot"
import { refusalText, refusalTextShape } from "../refusal-text.ts"
import {
  approvalsShape,
  commitmentsShape,
  MAX_PIECE_MESSAGE_BYTES,
  MAX_SEALED_PIECE_BYTES,
  type PieceRequest,
  type UnlockApproval,
} from "./piece-requests.ts"

/** A sealed message for the holder with this index. */
export interface CarriedSubpiece {
  readonly index: PieceIndex
  readonly sealed: Uint8Array
}

/** Answers of protocol `pieces`. */
export type PieceAnswer =
  /** The holder keeps the piece: Ed25519 by its current key over `pieceReceiptBytes` (core/pieces), 64 bytes. */
  | { readonly kind: "receipt"; readonly signature: Uint8Array }
  | { readonly kind: "piece"; readonly sealed: Uint8Array }
  /** A person has to approve on a node of the cluster. */
  | { readonly kind: "waiting" }
  | {
      readonly kind: "subshares"
      /** The holder's signing key when it sealed them, 32 bytes. */
      readonly sender: Uint8Array
      readonly commitments: readonly Uint8Array[]
      readonly subpieces: readonly CarriedSubpiece[]
    }
  /** The contribution with this index of the old sharing is not what its commitments say. */
  | { readonly kind: "complaint"; readonly index: PieceIndex }
  | { readonly kind: "proof"; readonly proof: Uint8Array }
  | { readonly kind: "approvals"; readonly approvals: readonly UnlockApproval[] }
  /** 32 bytes that the next evidence has to name, once and soon. */
  | { readonly kind: "challenge"; readonly nonce: Uint8Array }
  | { readonly kind: "refused"; readonly code: string; readonly message: string }

/** The kinds of answers to each request, when it is not refused. */
interface AnswerKinds {
  readonly offer: "receipt"
  readonly return: "piece" | "waiting"
  readonly subshare: "subshares"
  readonly redistribute: "receipt" | "complaint"
  readonly prove: "proof"
  readonly approvals: "approvals"
  readonly challenge: "challenge"
}

/** What answers a request, when it is not refused. */
export type AnswerTo<Op extends PieceRequest["op"]> = Extract<PieceAnswer, { readonly kind: AnswerKinds[Op] }>

/** Longest proof of possession in bytes. */
const MAX_PROOF_BYTES = 128
const VERSION = 1
const version = v.literal(VERSION)
const index = brandShape(decodePieceIndex)
const sealed = bytesWithinShape(1, MAX_SEALED_PIECE_BYTES)

const answerKinds: { readonly [Op in PieceRequest["op"]]: readonly AnswerKinds[Op][] } = {
  offer: ["receipt"],
  return: ["piece", "waiting"],
  subshare: ["subshares"],
  redistribute: ["receipt", "complaint"],
  prove: ["proof"],
  approvals: ["approvals"],
  challenge: ["challenge"],
}

const answerShape = v.variant("kind", [
  v.strictObject({ v: version, kind: v.literal("receipt"), signature: bytesShape(64) }),
  v.strictObject({ v: version, kind: v.literal("piece"), sealed }),
  v.strictObject({ v: version, kind: v.literal("waiting") }),
  v.strictObject({
    v: version,
    kind: v.literal("subshares"),
    sender: bytesShape(32),
    commitments: commitmentsShape,
    subpieces: v.pipe(v.array(v.strictObject({ index, sealed })), v.minLength(2), v.maxLength(MAX_CUSTODY_MEMBERS)),
  }),
  v.strictObject({ v: version, kind: v.literal("complaint"), index }),
  v.strictObject({ v: version, kind: v.literal("proof"), proof: bytesWithinShape(1, MAX_PROOF_BYTES) }),
  v.strictObject({ v: version, kind: v.literal("approvals"), approvals: approvalsShape }),
  v.strictObject({ v: version, kind: v.literal("challenge"), nonce: bytesShape(32) }),
  v.strictObject({
    v: version,
    kind: v.literal("refused"),
    code: v.pipe(v.string(), v.regex(/^[A-Z][A-Z0-9_]{0,63}$/)),
    message: refusalTextShape,
  }),
])

/** Canonical CBOR of an answer. A refusal's message is cut to 1,024 printable characters. */
export function encodePieceAnswer(answer: PieceAnswer): Uint8Array {
  return encodeCanonical({ v: VERSION, ...answerValue(answer) })
}

/** Strict inverse of {@link encodePieceAnswer}. */
export function decodePieceAnswer(bytes: Uint8Array): Result<PieceAnswer, "PIECES_MESSAGE_INVALID"> {
  const decoded = decodeShape(bytes, {
    shape: answerShape,
    maxBytes: MAX_PIECE_MESSAGE_BYTES,
    code: "PIECES_MESSAGE_INVALID",
    noun: "answer about key pieces",
  })
  if (!decoded.ok) return decoded
  const { v: _version, ...answer } = decoded.value
  return { ok: true, value: answer }
}

/** Whether an answer is one to a request of this kind. */
export function isAnswerTo<Op extends PieceRequest["op"]>(op: Op, answer: PieceAnswer): answer is AnswerTo<Op> {
  const kinds: readonly PieceAnswer["kind"][] = answerKinds[op]
  return kinds.includes(answer.kind)
}

function answerValue(answer: PieceAnswer): { readonly [name: string]: CborValue } {
  switch (answer.kind) {
    case "subshares":
      return { ...answer, subpieces: answer.subpieces.map((subpiece) => ({ ...subpiece })) }
    case "approvals":
      return { kind: answer.kind, approvals: answer.approvals.map((approval) => ({ ...approval })) }
    case "refused":
      return { kind: answer.kind, code: answer.code, message: refusalText(answer.message) }
    default:
      return { ...answer }
  }
}
