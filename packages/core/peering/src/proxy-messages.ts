import { brandShape, bytesShape, bytesWithinShape, decodeShape, encodeCanonical, type CborValue, type Result } from "@keygrove/base"
import {
  clusterBytes,
  compressedPointShape,
  decodeClusterBytes,
  decodeNodePath,
  decodeTimestamp,
  type NodeReference,
  type Timestamp,
} from "@keygrove/hierarchy"
import * as v from "valibot"
import { refusalText, refusalTextShape } from "./refusal-text.ts"

/** A policy before it stands on the ledger, as its owner tells the proxies. */
export interface PolicyDraft {
  /** 32 bytes. */
  readonly policyId: Uint8Array
  readonly owner: NodeReference
  /** 33 bytes. */
  readonly labelKey: Uint8Array
  /** 33 bytes. */
  readonly delegationKey: Uint8Array
  readonly reader: { readonly encryptionKey: Uint8Array; readonly signingKey: Uint8Array }
  readonly expiresAt: Timestamp
}

/** A reader's signed wish to have capsules re-encrypted. */
export interface ReencryptionRequest {
  readonly policyId: Uint8Array
  /** 1 to 16 capsules of 105 bytes. */
  readonly capsules: readonly Uint8Array[]
  readonly issuedAt: Timestamp
  /** 16 random bytes. */
  readonly nonce: Uint8Array
  /** Ed25519 by the reader, 64 bytes, over {@link requestSignBytes}. */
  readonly signature: Uint8Array
}

/** Requests of protocol `proxy`. The channel proves who sends them. */
export type ProxyRequest =
  | { readonly op: "store_rekey"; readonly draft: PolicyDraft; readonly sealed: Uint8Array }
  | ({ readonly op: "reencrypt" } & ReencryptionRequest)
  | { readonly op: "remove_rekey"; readonly policyId: Uint8Array }

/** A proxy's signed word that it keeps, or no longer keeps, a fragment. */
export interface Receipt {
  readonly action: "stored" | "removed"
  readonly policyId: Uint8Array
  /** SHA-256 of the fragment, 32 bytes; zeros when none was there to remove. */
  readonly fragmentDigest: Uint8Array
  readonly issuedAt: Timestamp
  /** Ed25519 by the proxy, 64 bytes, over {@link receiptSignBytes}. */
  readonly signature: Uint8Array
}

/** Answers of protocol `proxy`. */
export type ProxyAnswer =
  | ({ readonly kind: "receipt" } & Receipt)
  | { readonly kind: "fragments"; readonly fragments: readonly Uint8Array[] }
  | { readonly kind: "refused"; readonly code: string; readonly message: string }

/** Longest encoded request or answer in bytes. */
export const MAX_PROXY_MESSAGE_BYTES = 131_072
/** Capsules of one request. */
export const MAX_REQUEST_CAPSULES = 16
const CAPSULE_BYTES = 105
const CAPSULE_FRAGMENT_BYTES = 381
const VERSION = 1

const version = v.literal(VERSION)
const timestamp = brandShape(decodeTimestamp)
const draftShape = v.strictObject({
  policyId: bytesShape(32),
  cluster: brandShape(decodeClusterBytes),
  path: brandShape(decodeNodePath),
  labelKey: compressedPointShape(),
  delegationKey: compressedPointShape(),
  reader: v.strictObject({ encryptionKey: compressedPointShape(), signingKey: bytesShape(32) }),
  expiresAt: timestamp,
})
const requestShape = v.variant("op", [
  v.strictObject({ v: version, op: v.literal("store_rekey"), draft: draftShape, sealed: bytesWithinShape(1, 8_192) }),
  v.strictObject({
    v: version,
    op: v.literal("reencrypt"),
    policyId: bytesShape(32),
    capsules: v.pipe(v.array(bytesShape(CAPSULE_BYTES)), v.minLength(1), v.maxLength(MAX_REQUEST_CAPSULES)),
    issuedAt: timestamp,
    nonce: bytesShape(16),
    signature: bytesShape(64),
  }),
  v.strictObject({ v: version, op: v.literal("remove_rekey"), policyId: bytesShape(32) }),
])
const answerShape = v.variant("kind", [
  v.strictObject({
    v: version,
    kind: v.literal("receipt"),
    action: v.picklist(["stored", "removed"]),
    policyId: bytesShape(32),
    fragmentDigest: bytesShape(32),
    issuedAt: timestamp,
    signature: bytesShape(64),
  }),
  v.strictObject({
    v: version,
    kind: v.literal("fragments"),
    fragments: v.pipe(v.array(bytesShape(CAPSULE_FRAGMENT_BYTES)), v.maxLength(MAX_REQUEST_CAPSULES)),
  }),
  v.strictObject({
    v: version,
    kind: v.literal("refused"),
    code: v.pipe(v.string(), v.regex(/^[A-Z][A-Z0-9_]{0,63}$/)),
    message: refusalTextShape,
  }),
])

/** Canonical CBOR of a request. */
export function encodeProxyRequest(request: ProxyRequest): Uint8Array {
  switch (request.op) {
    case "store_rekey":
      return encodeCanonical({ v: VERSION, op: request.op, draft: draftValue(request.draft), sealed: request.sealed })
    case "reencrypt": {
      const { op, policyId, capsules, issuedAt, nonce, signature } = request
      return encodeCanonical({ v: VERSION, op, policyId, capsules, issuedAt, nonce, signature })
    }
    default:
      return encodeCanonical({ v: VERSION, op: request.op, policyId: request.policyId })
  }
}

/** Strict inverse of {@link encodeProxyRequest}. */
export function decodeProxyRequest(bytes: Uint8Array): Result<ProxyRequest, "PROXY_REQUEST_INVALID"> {
  const decoded = decodeShape(bytes, {
    shape: requestShape,
    maxBytes: MAX_PROXY_MESSAGE_BYTES,
    code: "PROXY_REQUEST_INVALID",
    noun: "proxy request",
  })
  if (!decoded.ok) return decoded
  const { v: _version, ...request } = decoded.value
  if (request.op !== "store_rekey") return { ok: true, value: request }
  const { cluster, path, ...draft } = request.draft
  return { ok: true, value: { op: request.op, draft: { ...draft, owner: { cluster, path } }, sealed: request.sealed } }
}

/** Canonical CBOR of an answer. A refusal's message is cut to 1,024 printable characters. */
export function encodeProxyAnswer(answer: ProxyAnswer): Uint8Array {
  if (answer.kind !== "refused") return encodeCanonical({ v: VERSION, ...answer })
  return encodeCanonical({ v: VERSION, kind: answer.kind, code: answer.code, message: refusalText(answer.message) })
}

/** Strict inverse of {@link encodeProxyAnswer}. */
export function decodeProxyAnswer(bytes: Uint8Array): Result<ProxyAnswer, "PROXY_ANSWER_INVALID"> {
  const decoded = decodeShape(bytes, {
    shape: answerShape,
    maxBytes: MAX_PROXY_MESSAGE_BYTES,
    code: "PROXY_ANSWER_INVALID",
    noun: "proxy answer",
  })
  if (!decoded.ok) return decoded
  const { v: _version, ...answer } = decoded.value
  return { ok: true, value: answer }
}

function draftValue({ owner, ...draft }: PolicyDraft): CborValue {
  return { ...draft, reader: { ...draft.reader }, cluster: clusterBytes(owner.cluster), path: owner.path }
}
