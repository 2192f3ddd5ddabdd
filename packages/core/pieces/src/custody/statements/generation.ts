import { brandShape, decodeShape, encodeCanonical, type Result } from "@keygrove/base"
import * as v from "valibot"
import { decodeKeyGeneration, type KeyGeneration } from "../../numbers.ts"
import { MAX_CUSTODY_STATEMENT_BYTES } from "../limits.ts"

/** A member starts a key generation, or aborts the one that is starting. Signed by its signing key. */
export interface NamedGeneration {
  readonly generation: KeyGeneration
}

/** A holder has no piece any more of generations up to this one. Signed by its signing key; no limit stands in its way. */
export interface PiecesWiped {
  readonly upTo: KeyGeneration
}

const generationShape = v.strictObject({ generation: brandShape(decodeKeyGeneration) })
const wipedShape = v.strictObject({ upTo: brandShape(decodeKeyGeneration) })

/** Canonical CBOR of `generation-started` and `generation-aborted`. */
export function encodeNamedGeneration({ generation }: NamedGeneration): Uint8Array {
  return encodeCanonical({ generation })
}

/** Strict inverse of {@link encodeNamedGeneration}. */
export function decodeNamedGeneration(bytes: Uint8Array): Result<NamedGeneration, "STATEMENT_INVALID"> {
  const noun = "start or end of a key generation"
  return decodeShape(bytes, { shape: generationShape, maxBytes: MAX_CUSTODY_STATEMENT_BYTES, code: "STATEMENT_INVALID", noun })
}

/** Canonical CBOR of the statement. */
export function encodePiecesWiped({ upTo }: PiecesWiped): Uint8Array {
  return encodeCanonical({ upTo })
}

/** Strict inverse of {@link encodePiecesWiped}. */
export function decodePiecesWiped(bytes: Uint8Array): Result<PiecesWiped, "STATEMENT_INVALID"> {
  const noun = "wiping of pieces"
  return decodeShape(bytes, { shape: wipedShape, maxBytes: MAX_CUSTODY_STATEMENT_BYTES, code: "STATEMENT_INVALID", noun })
}
