import { brandShape, bytesShape, decodeShape, encodeCanonical, type Result } from "@keygrove/base"
import * as v from "valibot"
import { decodeGeneration, decodeNodePath, type Generation, type NodePath } from "../names.ts"

/** A parent certifies a child's anchor. Signed by the parent's anchor; a higher generation replaces the node and ends all below it. */
export interface NodeCertificate {
  /** The child's path. */
  readonly path: NodePath
  readonly generation: Generation
  /** The child's Ed25519 anchor, 32 bytes. */
  readonly anchorKey: Uint8Array
}

/** Longest encoded form in bytes. */
export const MAX_NODE_CERTIFICATE_BYTES = 384

const shape = v.strictObject({ path: brandShape(decodeNodePath), generation: brandShape(decodeGeneration), anchorKey: bytesShape(32) })

/** Canonical CBOR of the certificate. */
export function encodeNodeCertificate(certificate: NodeCertificate): Uint8Array {
  return encodeCanonical({ path: certificate.path, generation: certificate.generation, anchorKey: certificate.anchorKey })
}

/** Strict inverse of {@link encodeNodeCertificate}. */
export function decodeNodeCertificate(bytes: Uint8Array): Result<NodeCertificate, "STATEMENT_INVALID"> {
  return decodeShape(bytes, { shape, maxBytes: MAX_NODE_CERTIFICATE_BYTES, code: "STATEMENT_INVALID", noun: "node certificate" })
}
