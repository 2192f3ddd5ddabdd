import {
  brandShape,
  bytesShape,
  bytesWithinShape,
  decodeShape,
  encodeCanonical,
  integerShape,
  type CborValue,
  type Result,
} from "@keygrove/base"
import {
  decodeLedgerIndex,
  MAX_BATCH_ENTRIES,
  MAX_ENTRY_BYTES,
  MAX_SLICE_ENTRIES,
  MAX_SNAPSHOT_CHUNK_BYTES,
  MAX_SNAPSHOT_CHUNKS,
  MAX_SNAPSHOT_HEAD_BYTES,
  type LedgerHead,
  type LedgerIndex,
} from "@keygrove/ledger"
import * as v from "valibot"
import { refusalText, refusalTextShape } from "./refusal-text.ts"

/** Requests of protocol `ledger`. */
export type LedgerRequest =
  | { readonly op: "head" }
  | { readonly op: "read"; readonly from: LedgerIndex; readonly limit: number }
  | { readonly op: "append"; readonly expected: LedgerHead; readonly entries: readonly Uint8Array[] }
  /** Answered with the head once it has more than `length` entries, or after `timeoutMs`. */
  | { readonly op: "wait"; readonly length: LedgerIndex; readonly timeoutMs: number }
  /** Answered with the newest snapshot's head, and the hash of the log's head after the caller's `length` entries. */
  | { readonly op: "snapshot"; readonly length: LedgerIndex }
  /** Answered with the part at `place`, from 0, of the snapshot with this length and digest (32 bytes): parts of two never mix. */
  | { readonly op: "part"; readonly length: LedgerIndex; readonly digest: Uint8Array; readonly place: number }

/** Refusals that a host answers with. */
export type LedgerHostRefusal = (typeof hostRefusals)[number]

/** Answers of protocol `ledger`; `head` answers `head`, `append` and `wait`. The head of a snapshot is as `encodeSnapshotHead` writes it; who reads it checks it. */
export type LedgerAnswer =
  | { readonly kind: "head"; readonly head: LedgerHead }
  | { readonly kind: "slice"; readonly from: LedgerIndex; readonly before: Uint8Array; readonly entries: readonly Uint8Array[] }
  | { readonly kind: "snapshot"; readonly head: Uint8Array; readonly before: Uint8Array }
  | { readonly kind: "part"; readonly place: number; readonly bytes: Uint8Array }
  | { readonly kind: "refused"; readonly code: LedgerHostRefusal; readonly message: string }

/** Longest encoded request or answer in bytes (the transport's limit). */
export const MAX_LEDGER_MESSAGE_BYTES = 1_048_576
/** Longest a host holds back the answer to `wait`. */
export const MAX_LEDGER_WAIT_MS = 25_000

const VERSION = 1
const hostRefusals = [
  "LEDGER_HEAD_MOVED",
  "LEDGER_ENTRY_INVALID",
  "LEDGER_UNREACHABLE",
  "LEDGER_FULL",
  "LEDGER_CORRUPT",
  "LEDGER_PRUNED",
  "LEDGER_MOVED",
  "LEDGER_FORKED",
  "LEDGER_BUSY",
  "LEDGER_REQUEST_INVALID",
  "DISK_FULL",
] as const

const index = brandShape(decodeLedgerIndex)
const head = v.strictObject({ length: index, hash: bytesShape(32) })
const entry = bytesWithinShape(1, MAX_ENTRY_BYTES)
const version = v.literal(VERSION)
const place = integerShape(0, MAX_SNAPSHOT_CHUNKS - 1)

const requestShape = v.variant("op", [
  v.strictObject({ v: version, op: v.literal("head") }),
  v.strictObject({ v: version, op: v.literal("read"), from: index, limit: integerShape(1, MAX_SLICE_ENTRIES) }),
  v.strictObject({
    v: version,
    op: v.literal("append"),
    expected: head,
    entries: v.pipe(v.array(entry), v.minLength(1), v.maxLength(MAX_BATCH_ENTRIES)),
  }),
  v.strictObject({ v: version, op: v.literal("wait"), length: index, timeoutMs: integerShape(0, MAX_LEDGER_WAIT_MS) }),
  v.strictObject({ v: version, op: v.literal("snapshot"), length: index }),
  v.strictObject({ v: version, op: v.literal("part"), length: index, digest: bytesShape(32), place }),
])

const answerShape = v.variant("kind", [
  v.strictObject({ v: version, kind: v.literal("head"), head }),
  v.strictObject({
    v: version,
    kind: v.literal("slice"),
    from: index,
    before: bytesShape(32),
    entries: v.pipe(v.array(entry), v.maxLength(MAX_SLICE_ENTRIES)),
  }),
  v.strictObject({
    v: version,
    kind: v.literal("snapshot"),
    head: bytesWithinShape(1, MAX_SNAPSHOT_HEAD_BYTES),
    before: bytesShape(32),
  }),
  v.strictObject({ v: version, kind: v.literal("part"), place, bytes: bytesWithinShape(1, MAX_SNAPSHOT_CHUNK_BYTES) }),
  v.strictObject({
    v: version,
    kind: v.literal("refused"),
    code: v.picklist(hostRefusals),
    message: refusalTextShape,
  }),
])

/** Canonical CBOR of a request. */
export function encodeLedgerRequest(request: LedgerRequest): Uint8Array {
  return encodeMessage(request.op === "append" ? { ...request, expected: headValue(request.expected) } : request)
}

/** Strict inverse of {@link encodeLedgerRequest}. */
export function decodeLedgerRequest(bytes: Uint8Array): Result<LedgerRequest, "LEDGER_REQUEST_INVALID"> {
  return decodeShape(bytes, {
    shape: requestShape,
    maxBytes: MAX_LEDGER_MESSAGE_BYTES,
    code: "LEDGER_REQUEST_INVALID",
    noun: "ledger request",
  })
}

/** Canonical CBOR of an answer. A refusal's message is cut to 1,024 printable characters. */
export function encodeLedgerAnswer(answer: LedgerAnswer): Uint8Array {
  if (answer.kind === "head") return encodeMessage({ ...answer, head: headValue(answer.head) })
  return encodeMessage(answer.kind === "refused" ? { ...answer, message: refusalText(answer.message) } : answer)
}

/** Strict inverse of {@link encodeLedgerAnswer}. */
export function decodeLedgerAnswer(bytes: Uint8Array): Result<LedgerAnswer, "LEDGER_ANSWER_INVALID"> {
  return decodeShape(bytes, {
    shape: answerShape,
    maxBytes: MAX_LEDGER_MESSAGE_BYTES,
    code: "LEDGER_ANSWER_INVALID",
    noun: "ledger answer",
  })
}

function headValue(value: LedgerHead): CborValue {
  return { length: value.length, hash: value.hash }
}

function encodeMessage(fields: Readonly<Record<string, CborValue>>): Uint8Array {
  return encodeCanonical({ v: VERSION, ...fields })
}
