import { brandShape, bytesShape, decodeShape, encodeCanonical, integerShape, type CborValue, type Result, type Shape } from "@keygrove/base"
import { compressedPointShape, decodeNodePath, MAX_COUNTER, type NodePath } from "@keygrove/hierarchy"
import * as v from "valibot"
import {
  decodeKeyGeneration,
  decodePieceIndex,
  piecesNeeded,
  MAX_CUSTODY_MEMBERS,
  MIN_CUSTODY_MEMBERS,
  type KeyGeneration,
  type PieceIndex,
} from "../../numbers.ts"
import { MAX_CUSTODY_STATEMENT_BYTES } from "../limits.ts"

/** A holder's word that it keeps a piece. */
export interface PieceReceipt {
  readonly index: PieceIndex
  /** Ed25519 by the holder's signing key over `pieceReceiptBytes`, 64 bytes. */
  readonly signature: Uint8Array
}

/** A sharing as its author shows it. */
interface ShownSharing {
  readonly generation: KeyGeneration
  /** Compressed points, 33 bytes each, as many as pieces are needed; the first is the storage key's public key. Whether they are points of the curve is for those who verify pieces. */
  readonly commitments: readonly Uint8Array[]
  /** By index, ascending. */
  readonly receipts: readonly PieceReceipt[]
}

/** An owner has shared its storage key in a key generation. Signed by its signing key. */
export interface PiecesShared extends ShownSharing {}

/** What a redistribution moves: an owner's sharing of an earlier key generation into a later one. */
interface Redistribution {
  readonly owner: NodePath
  readonly generation: KeyGeneration
  /** Below {@link generation}. */
  readonly from: KeyGeneration
}

/** A member begins to move a sharing. Signed by its signing key. */
export interface RedistributionStarted extends Redistribution {
  /** Which attempt for this owner and generation this is, from 1: only the newest can end. */
  readonly attempt: number
}

/** The newest attempt has ended: new holders have pieces of the same storage key. Signed by the signing key of who began it. */
export interface PiecesRedistributed extends Redistribution, ShownSharing {}

/** Most and fewest commitments of a sharing. */
const MAX_COMMITMENTS: number = piecesNeeded(MAX_CUSTODY_MEMBERS)
const MIN_COMMITMENTS: number = piecesNeeded(MIN_CUSTODY_MEMBERS)

const generation = brandShape(decodeKeyGeneration)
const shownFields = {
  generation,
  commitments: v.pipe(v.array(compressedPointShape()), v.minLength(MIN_COMMITMENTS), v.maxLength(MAX_COMMITMENTS)),
  receipts: v.pipe(
    v.array(v.strictObject({ index: brandShape(decodePieceIndex), signature: bytesShape(64) })),
    v.minLength(MIN_COMMITMENTS),
    v.maxLength(MAX_CUSTODY_MEMBERS - 1),
    v.check(
      (receipts) => receipts.every(({ index }, position) => index > (receipts[position - 1]?.index ?? 0)),
      "must be in the order of their indices, each once",
    ),
  ),
}
const redistributionFields = { owner: brandShape(decodeNodePath), generation, from: generation }

function goesForward<T extends Redistribution>(shape: Shape<T>): Shape<T> {
  return v.pipe(
    shape,
    v.check(({ from, generation: to }) => from < to, "must go to a later key generation"),
  )
}

const sharedShape: Shape<PiecesShared> = v.strictObject(shownFields)
const startedShape: Shape<RedistributionStarted> = goesForward(
  v.strictObject({ ...redistributionFields, attempt: integerShape(1, MAX_COUNTER) }),
)
const redistributedShape: Shape<PiecesRedistributed> = goesForward(v.strictObject({ ...redistributionFields, ...shownFields }))

/** Canonical CBOR of the statement. */
export function encodePiecesShared(shared: PiecesShared): Uint8Array {
  return encodeCanonical(shownValue(shared))
}

/** Strict inverse of {@link encodePiecesShared}. */
export function decodePiecesShared(bytes: Uint8Array): Result<PiecesShared, "STATEMENT_INVALID"> {
  const noun = "sharing of a storage key"
  return decodeShape(bytes, { shape: sharedShape, maxBytes: MAX_CUSTODY_STATEMENT_BYTES, code: "STATEMENT_INVALID", noun })
}

/** Canonical CBOR of the statement. */
export function encodeRedistributionStarted({ attempt, from, generation: to, owner }: RedistributionStarted): Uint8Array {
  return encodeCanonical({ owner, generation: to, from, attempt })
}

/** Strict inverse of {@link encodeRedistributionStarted}. */
export function decodeRedistributionStarted(bytes: Uint8Array): Result<RedistributionStarted, "STATEMENT_INVALID"> {
  const noun = "start of a redistribution"
  return decodeShape(bytes, { shape: startedShape, maxBytes: MAX_CUSTODY_STATEMENT_BYTES, code: "STATEMENT_INVALID", noun })
}

/** Canonical CBOR of the statement. */
export function encodePiecesRedistributed(redistributed: PiecesRedistributed): Uint8Array {
  const { from, owner } = redistributed
  return encodeCanonical({ owner, from, ...shownValue(redistributed) })
}

/** Strict inverse of {@link encodePiecesRedistributed}. */
export function decodePiecesRedistributed(bytes: Uint8Array): Result<PiecesRedistributed, "STATEMENT_INVALID"> {
  const noun = "end of a redistribution"
  return decodeShape(bytes, { shape: redistributedShape, maxBytes: MAX_CUSTODY_STATEMENT_BYTES, code: "STATEMENT_INVALID", noun })
}

function shownValue({ commitments, generation: to, receipts }: ShownSharing): Readonly<Record<string, CborValue>> {
  return { generation: to, commitments, receipts: receipts.map(({ index, signature }) => ({ index, signature })) }
}
