import { brandShape, decodeShape, encodeCanonical, type Result } from "@keygrove/base"
import * as v from "valibot"
import { decodeEpoch, decodeGeneration, decodeNodePath, type Epoch, type Generation, type NodePath } from "../names.ts"

/** An ancestor orders a node to rekey. Signed by the ancestor's anchor; the node owes it from then on, and everybody sees whether it has paid. */
export interface RekeyOrder {
  readonly path: NodePath
  readonly generation: Generation
  /** The epoch that the node has to reach at least. */
  readonly epoch: Epoch
}

/** Longest encoded form in bytes. */
export const MAX_REKEY_ORDER_BYTES = 384

const shape = v.strictObject({
  path: brandShape(decodeNodePath),
  generation: brandShape(decodeGeneration),
  epoch: brandShape(decodeEpoch),
})

/** Canonical CBOR of the statement. */
export function encodeRekeyOrder({ epoch, generation, path }: RekeyOrder): Uint8Array {
  return encodeCanonical({ path, generation, epoch })
}

/** Strict inverse of {@link encodeRekeyOrder}. */
export function decodeRekeyOrder(bytes: Uint8Array): Result<RekeyOrder, "STATEMENT_INVALID"> {
  return decodeShape(bytes, { shape, maxBytes: MAX_REKEY_ORDER_BYTES, code: "STATEMENT_INVALID", noun: "order to rekey" })
}
