import { brandShape, bytesShape, decodeShape, encodeCanonical, type Result } from "@keygrove/base"
import * as v from "valibot"
import { clusterBytes, decodeClusterBytes, MAX_COUNTER, type ClusterId } from "../names.ts"

/**
 * A cluster trusts another, whose owner somebody has met. Signed by the signing key of a node; all nodes of the cluster learn it from the ledger. The revision
 * counts up for each pair of clusters, so that no old statement can be repeated.
 */
export interface TrustStatement {
  readonly cluster: ClusterId
  /** The other root's anchor, Ed25519, 32 bytes; the cluster's id is its fingerprint. */
  readonly anchorKey: Uint8Array
  /** From 1. */
  readonly revision: number
}

/** A cluster trusts another no longer. Signed as {@link TrustStatement}; no limit stands in its way. */
export interface TrustRemoval {
  readonly cluster: ClusterId
  readonly revision: number
}

/** Longest encoded form of either, in bytes. */
export const MAX_TRUST_STATEMENT_BYTES = 160

const removalFields = {
  cluster: brandShape(decodeClusterBytes),
  revision: v.pipe(v.number(), v.safeInteger(), v.minValue(1), v.maxValue(MAX_COUNTER)),
}
const trustShape = v.strictObject({ ...removalFields, anchorKey: bytesShape(32) })
const removalShape = v.strictObject(removalFields)

/** Canonical CBOR of the statement. */
export function encodeTrustStatement({ anchorKey, cluster, revision }: TrustStatement): Uint8Array {
  return encodeCanonical({ cluster: clusterBytes(cluster), anchorKey, revision })
}

/** Strict inverse of {@link encodeTrustStatement}. */
export function decodeTrustStatement(bytes: Uint8Array): Result<TrustStatement, "STATEMENT_INVALID"> {
  return decodeShape(bytes, { shape: trustShape, maxBytes: MAX_TRUST_STATEMENT_BYTES, code: "STATEMENT_INVALID", noun: "trust statement" })
}

/** Canonical CBOR of the statement. */
export function encodeTrustRemoval({ cluster, revision }: TrustRemoval): Uint8Array {
  return encodeCanonical({ cluster: clusterBytes(cluster), revision })
}

/** Strict inverse of {@link encodeTrustRemoval}. */
export function decodeTrustRemoval(bytes: Uint8Array): Result<TrustRemoval, "STATEMENT_INVALID"> {
  return decodeShape(bytes, {
    shape: removalShape,
    maxBytes: MAX_TRUST_STATEMENT_BYTES,
    code: "STATEMENT_INVALID",
    noun: "removal of trust",
  })
}
