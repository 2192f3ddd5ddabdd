import { brandShape, bytesShape, bytesWithinShape, decodeShape, encodeCanonical, type Result, type Shape } from "@keygrove/base"
import { decodeLedgerIndex, MAX_BATCH_ENTRIES, MAX_ENTRY_BYTES, type LedgerHead } from "@keygrove/ledger"
import * as v from "valibot"
import { refusalText, refusalTextShape } from "./refusal-text.ts"

/** The request of protocol `join`: entries that make the caller's key a node's. */
export interface JoinRequest {
  /** Encoded entries in their order, at least one. */
  readonly entries: readonly Uint8Array[]
}

/** The answer of protocol `join`. */
export type JoinAnswer =
  /** The caller is a node of the ledger, which had this head afterwards. */
  { readonly kind: "joined"; readonly head: LedgerHead } | { readonly kind: "refused"; readonly code: string; readonly message: string }

/** Longest encoded request or answer in bytes (the transport's limit). */
export const MAX_JOIN_MESSAGE_BYTES = 1_048_576

const VERSION = 1
const version = v.literal(VERSION)
const entries = v.pipe(v.array(bytesWithinShape(1, MAX_ENTRY_BYTES)), v.minLength(1), v.maxLength(MAX_BATCH_ENTRIES))
const requestShape: Shape<JoinRequest & { readonly v: 1 }> = v.strictObject({ v: version, entries })
const answerShape: Shape<JoinAnswer & { readonly v: 1 }> = v.variant("kind", [
  v.strictObject({
    v: version,
    kind: v.literal("joined"),
    head: v.strictObject({ length: brandShape(decodeLedgerIndex), hash: bytesShape(32) }),
  }),
  v.strictObject({
    v: version,
    kind: v.literal("refused"),
    code: v.pipe(v.string(), v.regex(/^[A-Z][A-Z0-9_]{0,63}$/)),
    message: refusalTextShape,
  }),
])

/** Canonical CBOR of a request. */
export function encodeJoinRequest(request: JoinRequest): Uint8Array {
  return encodeCanonical({ v: VERSION, entries: request.entries })
}

/** Strict inverse of {@link encodeJoinRequest}. */
export function decodeJoinRequest(bytes: Uint8Array): Result<JoinRequest, "JOIN_MESSAGE_INVALID"> {
  const decoded = decodeShape(bytes, {
    shape: requestShape,
    maxBytes: MAX_JOIN_MESSAGE_BYTES,
    code: "JOIN_MESSAGE_INVALID",
    noun: "request to join",
  })
  return decoded.ok ? { ok: true, value: { entries: decoded.value.entries } } : decoded
}

/** Canonical CBOR of an answer. A refusal's message is cut to 1,024 printable characters. */
export function encodeJoinAnswer(answer: JoinAnswer): Uint8Array {
  if (answer.kind === "refused") return encodeCanonical({ v: VERSION, ...answer, message: refusalText(answer.message) })
  return encodeCanonical({ v: VERSION, kind: answer.kind, head: { length: answer.head.length, hash: answer.head.hash } })
}

/** Strict inverse of {@link encodeJoinAnswer}. */
export function decodeJoinAnswer(bytes: Uint8Array): Result<JoinAnswer, "JOIN_MESSAGE_INVALID"> {
  const decoded = decodeShape(bytes, {
    shape: answerShape,
    maxBytes: MAX_JOIN_MESSAGE_BYTES,
    code: "JOIN_MESSAGE_INVALID",
    noun: "answer to who wants to join",
  })
  if (!decoded.ok) return decoded
  const { v: _version, ...answer } = decoded.value
  return { ok: true, value: answer }
}
