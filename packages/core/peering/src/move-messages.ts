import { decodeShape, encodeCanonical, type Result, type Shape } from "@keygrove/base"
import { MAX_INVITATION_CHARACTERS } from "@keygrove/ledger"
import * as v from "valibot"
import { refusalText, refusalTextShape } from "./refusal-text.ts"

/** The request of protocol `move`: the caller's own invitation to the root that replaced its own. Which node the caller is, the line says. */
export interface MoveRequest {
  readonly op: "invitation"
}

/** The answer of protocol `move`. */
export type MoveAnswer =
  | {
      readonly kind: "invitation"
      /** `kginvite1…`; opens with the moving code only. */
      readonly invitation: string
    }
  | { readonly kind: "refused"; readonly code: string; readonly message: string }

/** Longest encoded request or answer in bytes. */
export const MAX_MOVE_MESSAGE_BYTES = 8_192

const VERSION = 1
const version = v.literal(VERSION)
const requestShape: Shape<MoveRequest & { readonly v: 1 }> = v.strictObject({ v: version, op: v.literal("invitation") })
const answerShape: Shape<MoveAnswer & { readonly v: 1 }> = v.variant("kind", [
  v.strictObject({
    v: version,
    kind: v.literal("invitation"),
    invitation: v.pipe(v.string(), v.regex(/^kginvite1[0-9a-z]+$/), v.maxLength(MAX_INVITATION_CHARACTERS)),
  }),
  v.strictObject({
    v: version,
    kind: v.literal("refused"),
    code: v.pipe(v.string(), v.regex(/^[A-Z][A-Z0-9_]{0,63}$/)),
    message: refusalTextShape,
  }),
])

/** Canonical CBOR of a request. */
export function encodeMoveRequest({ op }: MoveRequest): Uint8Array {
  return encodeCanonical({ v: VERSION, op })
}

/** Strict inverse of {@link encodeMoveRequest}. */
export function decodeMoveRequest(bytes: Uint8Array): Result<MoveRequest, "MOVE_MESSAGE_INVALID"> {
  const rules = {
    shape: requestShape,
    maxBytes: MAX_MOVE_MESSAGE_BYTES,
    code: "MOVE_MESSAGE_INVALID",
    noun: "request for an invitation",
  } as const
  const decoded = decodeShape(bytes, rules)
  return decoded.ok ? { ok: true, value: { op: decoded.value.op } } : decoded
}

/** Canonical CBOR of an answer. A refusal's message is cut to 1,024 printable characters. */
export function encodeMoveAnswer(answer: MoveAnswer): Uint8Array {
  if (answer.kind === "refused") return encodeCanonical({ v: VERSION, ...answer, message: refusalText(answer.message) })
  return encodeCanonical({ v: VERSION, kind: answer.kind, invitation: answer.invitation })
}

/** Strict inverse of {@link encodeMoveAnswer}. */
export function decodeMoveAnswer(bytes: Uint8Array): Result<MoveAnswer, "MOVE_MESSAGE_INVALID"> {
  const rules = {
    shape: answerShape,
    maxBytes: MAX_MOVE_MESSAGE_BYTES,
    code: "MOVE_MESSAGE_INVALID",
    noun: "answer with an invitation",
  } as const
  const decoded = decodeShape(bytes, rules)
  if (!decoded.ok) return decoded
  const { v: _version, ...answer } = decoded.value
  return { ok: true, value: answer }
}
