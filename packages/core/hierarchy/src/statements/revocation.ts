import { brandShape, bytesShape, decodeShape, encodeCanonical, type Result } from "@keygrove/base"
import * as v from "valibot"
import { decodeGeneration, decodeNodePath, type Generation, type NodePath } from "../names.ts"

/** Why a node is no longer one: its keys may be in foreign hands, or it is not used any more. */
export type RevocationReason = "compromised" | "retired"

/** A position of a log, which is named by its first entry because another log counts differently. */
export interface LogPosition {
  /** SHA-256 of the log's first encoded entry, 32 bytes. */
  readonly origin: Uint8Array
  /** Index of an entry, from 0. */
  readonly index: number
}

/** An ancestor ends a node and every node below it. Signed by the ancestor's anchor; no limit stands in its way. */
export interface NodeRevocation {
  readonly path: NodePath
  /** The generation that ends; a repeated revocation cannot end a later one. */
  readonly generation: Generation
  readonly reason: RevocationReason
  /** The last entry of the log that is still believed of the node and those below it; all that is written before the revocation unless given. */
  readonly lastGood?: LogPosition
  /** Said when the node is the last one below the root, so that nobody empties a cluster by accident. */
  readonly isLast?: true
}

/** Longest encoded form in bytes. */
export const MAX_NODE_REVOCATION_BYTES = 512

const shape = v.strictObject({
  path: brandShape(decodeNodePath),
  generation: brandShape(decodeGeneration),
  reason: v.picklist(["compromised", "retired"]),
  lastGood: v.exactOptional(v.strictObject({ origin: bytesShape(32), index: v.pipe(v.number(), v.safeInteger(), v.minValue(0)) })),
  isLast: v.exactOptional(v.literal(true)),
})

/** Canonical CBOR of the statement. */
export function encodeNodeRevocation({ generation, isLast, lastGood, path, reason }: NodeRevocation): Uint8Array {
  return encodeCanonical({
    path,
    generation,
    reason,
    ...(lastGood === undefined ? {} : { lastGood: { origin: lastGood.origin, index: lastGood.index } }),
    ...(isLast === undefined ? {} : { isLast }),
  })
}

/** Strict inverse of {@link encodeNodeRevocation}. */
export function decodeNodeRevocation(bytes: Uint8Array): Result<NodeRevocation, "STATEMENT_INVALID"> {
  return decodeShape(bytes, { shape, maxBytes: MAX_NODE_REVOCATION_BYTES, code: "STATEMENT_INVALID", noun: "revocation of a node" })
}
