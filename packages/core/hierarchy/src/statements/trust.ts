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
  /** The node that was met, so that every node of this cluster can ask it for its cluster's key chain; a hint, that proves nothing. */
  readonly contact?: TrustContact
}

/** Where a node of a trusted cluster was when the two clusters met. */
export interface TrustContact {
  /** Its Ed25519 signing key then, 32 bytes. */
  readonly signingKey: Uint8Array
  /** Multiaddrs without the /p2p part: 1 to 4, of at most 128 characters each. */
  readonly addresses: readonly string[]
}

/** Most addresses of a {@link TrustContact}. */
export const MAX_CONTACT_ADDRESSES = 4
/** Longest address of a {@link TrustContact}. */
export const MAX_CONTACT_ADDRESS_CHARACTERS = 128

/** A cluster trusts another no longer. Signed as {@link TrustStatement}; no limit stands in its way. */
export interface TrustRemoval {
  readonly cluster: ClusterId
  readonly revision: number
}

/** Longest encoded form of either, in bytes. */
export const MAX_TRUST_STATEMENT_BYTES = 768

const removalFields = {
  cluster: brandShape(decodeClusterBytes),
  revision: v.pipe(v.number(), v.safeInteger(), v.minValue(1), v.maxValue(MAX_COUNTER)),
}
const contactShape = v.strictObject({
  signingKey: bytesShape(32),
  addresses: v.pipe(
    v.array(v.pipe(v.string(), v.maxLength(MAX_CONTACT_ADDRESS_CHARACTERS), v.regex(/^[!-~]+$/))),
    v.minLength(1),
    v.maxLength(MAX_CONTACT_ADDRESSES),
  ),
})
const trustShape = v.strictObject({ ...removalFields, anchorKey: bytesShape(32), contact: v.exactOptional(contactShape) })
const removalShape = v.strictObject(removalFields)

/** Canonical CBOR of the statement. */
export function encodeTrustStatement({ anchorKey, cluster, contact, revision }: TrustStatement): Uint8Array {
  const fields = { cluster: clusterBytes(cluster), anchorKey, revision }
  if (contact === undefined) return encodeCanonical(fields)
  return encodeCanonical({ ...fields, contact: { signingKey: contact.signingKey, addresses: contact.addresses } })
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
