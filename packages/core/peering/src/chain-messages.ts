import { brandShape, bytesWithinShape, decodeShape, encodeCanonical, integerShape, type Result } from "@keygrove/base"
import { clusterBytes, decodeClusterBytes, type ClusterId } from "@keygrove/hierarchy"
import { MAX_ENTRY_BYTES, MAX_KEY_CHAIN_ENTRIES, MAX_KEY_CHAIN_HEAD_BYTES, MAX_SLICE_ENTRIES } from "@keygrove/ledger"
import * as v from "valibot"
import { refusalText, refusalTextShape } from "./refusal-text.ts"

/** Requests of protocol `chain`: the entries of a cluster's key chain from a position on. */
export interface ChainRequest {
  readonly cluster: ClusterId
  readonly from: number
}

/** Answers of protocol `chain`. */
export type ChainAnswer =
  | {
      readonly kind: "slice"
      readonly from: number
      /** None at the end, and where the other side has fewer. */
      readonly entries: readonly Uint8Array[]
      /** Encoded head of the whole chain as the other side has it. */
      readonly head: Uint8Array
    }
  | { readonly kind: "refused"; readonly code: string; readonly message: string }

/** Longest encoded request or answer in bytes (the transport's limit). */
export const MAX_CHAIN_MESSAGE_BYTES = 1_048_576

const VERSION = 1
const version = v.literal(VERSION)
const from = integerShape(0, MAX_KEY_CHAIN_ENTRIES)
const requestShape = v.strictObject({ v: version, op: v.literal("read"), cluster: brandShape(decodeClusterBytes), from })
const answerShape = v.variant("kind", [
  v.strictObject({
    v: version,
    kind: v.literal("slice"),
    from,
    entries: v.pipe(v.array(bytesWithinShape(1, MAX_ENTRY_BYTES)), v.maxLength(MAX_SLICE_ENTRIES)),
    head: bytesWithinShape(1, MAX_KEY_CHAIN_HEAD_BYTES),
  }),
  v.strictObject({
    v: version,
    kind: v.literal("refused"),
    code: v.pipe(v.string(), v.regex(/^[A-Z][A-Z0-9_]{0,63}$/)),
    message: refusalTextShape,
  }),
])

/** Canonical CBOR of a request. */
export function encodeChainRequest({ cluster, from: position }: ChainRequest): Uint8Array {
  return encodeCanonical({ v: VERSION, op: "read", cluster: clusterBytes(cluster), from: position })
}

/** Strict inverse of {@link encodeChainRequest}. */
export function decodeChainRequest(bytes: Uint8Array): Result<ChainRequest, "CHAIN_MESSAGE_INVALID"> {
  const rules = {
    shape: requestShape,
    maxBytes: MAX_CHAIN_MESSAGE_BYTES,
    code: "CHAIN_MESSAGE_INVALID",
    noun: "request for a key chain",
  } as const
  const decoded = decodeShape(bytes, rules)
  if (!decoded.ok) return decoded
  const { cluster, from: position } = decoded.value
  return { ok: true, value: { cluster, from: position } }
}

/** Canonical CBOR of an answer. A refusal's message is cut to 1,024 printable characters. */
export function encodeChainAnswer(answer: ChainAnswer): Uint8Array {
  if (answer.kind === "slice") return encodeCanonical({ v: VERSION, ...answer })
  return encodeCanonical({ v: VERSION, kind: answer.kind, code: answer.code, message: refusalText(answer.message) })
}

/** Strict inverse of {@link encodeChainAnswer}. */
export function decodeChainAnswer(bytes: Uint8Array): Result<ChainAnswer, "CHAIN_MESSAGE_INVALID"> {
  const rules = {
    shape: answerShape,
    maxBytes: MAX_CHAIN_MESSAGE_BYTES,
    code: "CHAIN_MESSAGE_INVALID",
    noun: "slice of a key chain",
  } as const
  const decoded = decodeShape(bytes, rules)
  if (!decoded.ok) return decoded
  const { v: _version, ...answer } = decoded.value
  return { ok: true, value: answer }
}
