import { MAX_TPM_ATTEST_BYTES, MAX_TPM_SIGNATURE_BYTES } from "@keygrove/attestation"
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
import { compressedPointShape, decodeNodePath, type NodePath } from "@keygrove/hierarchy"
import { decodeKeyGeneration, decodePieceIndex, MAX_CUSTODY_MEMBERS, type KeyGeneration, type PieceIndex } from "@keygrove/pieces"
import * as v from "valibot"

/** A member's word that an owner may be unlocked in one request. */
export interface UnlockApproval {
  readonly approver: NodePath
  /** Ed25519 by the approver's current key over `unlockApprovalBytes`, 64 bytes. */
  readonly signature: Uint8Array
}

/** What a locked node shows of its machine to all holders of a round, where the ledger asks for it. */
export interface CarriedEvidence {
  /** X25519, 32 bytes: the piece is sealed to this key, which the quote names, and not to the boot key. */
  readonly sealingKey: Uint8Array
  /** Of the holders that are asked with one quote, 32 bytes each, 1 to {@link MAX_CARRIED_NONCES}. */
  readonly nonces: readonly Uint8Array[]
  /** TPMS_ATTEST, whose qualifying data is SHA-256 of `unlockEvidenceBytes` (core/pieces). */
  readonly attest: Uint8Array
  /** TPMT_SIGNATURE. */
  readonly signature: Uint8Array
}

/** What an old holder gave for one new holder in a redistribution, as the coordinator carries it. */
export interface CarriedContribution {
  /** Of the old holder in the old sharing. */
  readonly index: PieceIndex
  /** The old holder's signing key when it sealed the sub-piece, 32 bytes. */
  readonly sender: Uint8Array
  /** Of the polynomial with which it shared its piece. */
  readonly commitments: readonly Uint8Array[]
  /** Sealed message (core/crypto) with the sub-piece. */
  readonly sealed: Uint8Array
}

/** Requests of protocol `pieces` (docs/protocol/pieces.md). The channel proves who sends them. Owners are nodes of the cluster that both sides are of. */
export type PieceRequest =
  | {
      readonly op: "offer"
      readonly generation: KeyGeneration
      readonly commitments: readonly Uint8Array[]
      /** Of the holder. */
      readonly index: PieceIndex
      /** The owner's signing key when it sealed the piece, 32 bytes: it may have rekeyed since. */
      readonly sender: Uint8Array
      readonly sealed: Uint8Array
    }
  | {
      readonly op: "return"
      readonly owner: NodePath
      readonly generation: KeyGeneration
      readonly sharing: Uint8Array
      /** Names the unlocking, 32 bytes. */
      readonly request: Uint8Array
      readonly approvals: readonly UnlockApproval[]
      readonly evidence?: CarriedEvidence
    }
  | {
      readonly op: "subshare"
      readonly owner: NodePath
      readonly from: KeyGeneration
      readonly generation: KeyGeneration
      readonly attempt: number
    }
  | {
      readonly op: "redistribute"
      readonly owner: NodePath
      readonly from: KeyGeneration
      readonly generation: KeyGeneration
      readonly attempt: number
      readonly contributions: readonly CarriedContribution[]
    }
  | {
      readonly op: "prove"
      readonly owner: NodePath
      readonly generation: KeyGeneration
      readonly sharing: Uint8Array
      readonly challenge: Uint8Array
    }
  | { readonly op: "approvals"; readonly owner: NodePath; readonly request: Uint8Array }
  | { readonly op: "challenge"; readonly owner: NodePath; readonly request: Uint8Array }

/**
 * Longest encoded request or answer in bytes (the transport's limit). The longest that there can be is a `redistribute` of 128 contributions with 128 commitments each, of 255 members:
 * below 720,000 bytes.
 */
export const MAX_PIECE_MESSAGE_BYTES = 1_048_576
/** Pieces that the largest sharing needs, and so its commitments: a majority of 254 holders. */
export const MAX_COMMITMENTS = 128
/** Longest sealed message with a piece or a sub-piece; those of the deepest paths have below 800 bytes. */
export const MAX_SEALED_PIECE_BYTES = 1_024
/** Most approvals that a request carries; one is enough. */
export const MAX_CARRIED_APPROVALS = 4

/** Most nonces that one quote is about: as many as an owner has holders. */
export const MAX_CARRIED_NONCES: number = MAX_CUSTODY_MEMBERS - 1
const VERSION = 1
const version = v.literal(VERSION)
const path = brandShape(decodeNodePath)
const generation = brandShape(decodeKeyGeneration)
const index = brandShape(decodePieceIndex)
const attempt = integerShape(1, 0xffff_ffff)
const sealed = bytesWithinShape(1, MAX_SEALED_PIECE_BYTES)
/** Two members are no cluster of pieces, so a polynomial has two coefficients at least. */
export const commitmentsShape: v.GenericSchema<unknown, Uint8Array[]> = v.pipe(
  v.array(compressedPointShape()),
  v.minLength(2),
  v.maxLength(MAX_COMMITMENTS),
)
/** Of {@link UnlockApproval}s. */
export const approvalsShape: v.GenericSchema<unknown, UnlockApproval[]> = v.pipe(
  v.array(v.strictObject({ approver: path, signature: bytesShape(64) })),
  v.maxLength(MAX_CARRIED_APPROVALS),
)

const evidenceShape = v.strictObject({
  sealingKey: bytesShape(32),
  nonces: v.pipe(v.array(bytesShape(32)), v.minLength(1), v.maxLength(MAX_CARRIED_NONCES)),
  attest: bytesWithinShape(1, MAX_TPM_ATTEST_BYTES),
  signature: bytesWithinShape(1, MAX_TPM_SIGNATURE_BYTES),
})
const requestShape = v.variant("op", [
  v.strictObject({
    v: version,
    op: v.literal("offer"),
    generation,
    commitments: commitmentsShape,
    index,
    sender: bytesShape(32),
    sealed,
  }),
  v.strictObject({
    v: version,
    op: v.literal("return"),
    owner: path,
    generation,
    sharing: bytesShape(32),
    request: bytesShape(32),
    approvals: approvalsShape,
    evidence: v.exactOptional(evidenceShape),
  }),
  v.strictObject({ v: version, op: v.literal("subshare"), owner: path, from: generation, generation, attempt }),
  v.strictObject({
    v: version,
    op: v.literal("redistribute"),
    owner: path,
    from: generation,
    generation,
    attempt,
    contributions: v.pipe(
      v.array(v.strictObject({ index, sender: bytesShape(32), commitments: commitmentsShape, sealed })),
      v.minLength(2),
      v.maxLength(MAX_COMMITMENTS),
    ),
  }),
  v.strictObject({ v: version, op: v.literal("prove"), owner: path, generation, sharing: bytesShape(32), challenge: bytesShape(32) }),
  v.strictObject({ v: version, op: v.literal("approvals"), owner: path, request: bytesShape(32) }),
  v.strictObject({ v: version, op: v.literal("challenge"), owner: path, request: bytesShape(32) }),
])

/** Canonical CBOR of a request. */
export function encodePieceRequest(request: PieceRequest): Uint8Array {
  return encodeCanonical({ v: VERSION, ...requestValue(request) })
}

/** Strict inverse of {@link encodePieceRequest}. */
export function decodePieceRequest(bytes: Uint8Array): Result<PieceRequest, "PIECES_MESSAGE_INVALID"> {
  const decoded = decodeShape(bytes, {
    shape: requestShape,
    maxBytes: MAX_PIECE_MESSAGE_BYTES,
    code: "PIECES_MESSAGE_INVALID",
    noun: "request about key pieces",
  })
  if (!decoded.ok) return decoded
  const { v: _version, ...request } = decoded.value
  return { ok: true, value: request }
}

function requestValue(request: PieceRequest): { readonly [name: string]: CborValue } {
  switch (request.op) {
    case "return": {
      const { approvals, evidence, ...rest } = request
      const shown = evidence === undefined ? {} : { evidence: { ...evidence } }
      return { ...rest, approvals: approvals.map((approval) => ({ ...approval })), ...shown }
    }
    case "redistribute":
      return { ...request, contributions: request.contributions.map((contribution) => ({ ...contribution })) }
    default:
      return { ...request }
  }
}
