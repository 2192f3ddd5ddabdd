import { brandShape, bytesShape, decodeShape, encodeCanonical, type Result } from "@keygrove/base"
import * as v from "valibot"
import { clusterBytes, decodeClusterBytes, type ClusterId } from "../names.ts"

/** A root steps down for another one. Signed by the old root's anchor at path `/`; after it the old cluster only removes. */
export interface RootReplacement {
  /** The cluster of the new root. */
  readonly successor: ClusterId
  /** The new root's anchor, Ed25519, 32 bytes. */
  readonly anchorKey: Uint8Array
}

/** Longest encoded form in bytes. */
export const MAX_ROOT_REPLACEMENT_BYTES = 128

const shape = v.strictObject({ successor: brandShape(decodeClusterBytes), anchorKey: bytesShape(32) })

/** Canonical CBOR of the statement. */
export function encodeRootReplacement({ anchorKey, successor }: RootReplacement): Uint8Array {
  return encodeCanonical({ successor: clusterBytes(successor), anchorKey })
}

/** Strict inverse of {@link encodeRootReplacement}. */
export function decodeRootReplacement(bytes: Uint8Array): Result<RootReplacement, "STATEMENT_INVALID"> {
  return decodeShape(bytes, { shape, maxBytes: MAX_ROOT_REPLACEMENT_BYTES, code: "STATEMENT_INVALID", noun: "replacement of a root" })
}
