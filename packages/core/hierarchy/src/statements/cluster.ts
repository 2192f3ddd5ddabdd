import { bytesShape, decodeShape, encodeCanonical, type Result } from "@keygrove/base"
import * as v from "valibot"

/** A cluster announces itself: its root's anchor, whose fingerprint is the cluster's id. Signed by that anchor at path `/`. */
export interface ClusterStatement {
  /** Ed25519, 32 bytes. */
  readonly anchorKey: Uint8Array
}

/** Longest encoded form in bytes. */
export const MAX_CLUSTER_STATEMENT_BYTES = 64

const shape = v.strictObject({ anchorKey: bytesShape(32) })

/** Canonical CBOR of the statement. */
export function encodeClusterStatement(statement: ClusterStatement): Uint8Array {
  return encodeCanonical({ anchorKey: statement.anchorKey })
}

/** Strict inverse of {@link encodeClusterStatement}. */
export function decodeClusterStatement(bytes: Uint8Array): Result<ClusterStatement, "STATEMENT_INVALID"> {
  return decodeShape(bytes, { shape, maxBytes: MAX_CLUSTER_STATEMENT_BYTES, code: "STATEMENT_INVALID", noun: "cluster statement" })
}
