import { brandShape, bytesShape, decodeShape, encodeCanonical, type Result } from "@keygrove/base"
import { decodeNodePath, type NodePath } from "@keygrove/hierarchy"
import * as v from "valibot"
import { decodeKeyGeneration, type KeyGeneration } from "../../numbers.ts"
import { MAX_CUSTODY_STATEMENT_BYTES, MAX_HELD_PIECES } from "../limits.ts"

/** One piece that a holder keeps: of which sharing. */
export interface HeldPiece {
  readonly owner: NodePath
  readonly generation: KeyGeneration
  /** `sharingIdOf`, 32 bytes. */
  readonly sharing: Uint8Array
}

/** A holder keeps pieces whose receipts came too late for their owners' statements. Signed by its signing key. */
export interface PiecesHeld {
  /** 1 to {@link MAX_HELD_PIECES}, no owner and generation twice. */
  readonly held: readonly HeldPiece[]
}

const pieceShape = v.strictObject({
  owner: brandShape(decodeNodePath),
  generation: brandShape(decodeKeyGeneration),
  sharing: bytesShape(32),
})
const shape = v.strictObject({
  held: v.pipe(
    v.array(pieceShape),
    v.minLength(1),
    v.maxLength(MAX_HELD_PIECES),
    v.check(
      (held) => new Set(held.map(({ generation, owner }) => `${generation}${owner}`)).size === held.length,
      "must not name an owner and generation twice",
    ),
  ),
})

/** Canonical CBOR of the statement. */
export function encodePiecesHeld({ held }: PiecesHeld): Uint8Array {
  return encodeCanonical({ held: held.map(({ generation, owner, sharing }) => ({ owner, generation, sharing })) })
}

/** Strict inverse of {@link encodePiecesHeld}. */
export function decodePiecesHeld(bytes: Uint8Array): Result<PiecesHeld, "STATEMENT_INVALID"> {
  const noun = "statement of held pieces"
  return decodeShape(bytes, { shape, maxBytes: MAX_CUSTODY_STATEMENT_BYTES, code: "STATEMENT_INVALID", noun })
}
