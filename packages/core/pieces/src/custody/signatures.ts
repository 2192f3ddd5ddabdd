import { encodeInfo } from "@keygrove/crypto"
import { clusterBytes, type ClusterId, type NodePath } from "@keygrove/hierarchy"
import type { KeyGeneration, PieceIndex } from "../numbers.ts"

/** What a receipt is about: one piece in one holder's hands. */
export interface ReceivedPiece {
  readonly cluster: ClusterId
  readonly owner: NodePath
  readonly generation: KeyGeneration
  /** `sharingIdOf`, 32 bytes. */
  readonly sharing: Uint8Array
  readonly index: PieceIndex
  readonly holder: NodePath
  /** The attempt of redistribution that brought it; 0 when the owner did. */
  readonly attempt: number
}

/** What a holder signs with its signing key once the piece lies on its disk: info("keygrove/v1/piece-receipt", cluster, owner, generation, sharing, index, holder, attempt). */
export function pieceReceiptBytes(piece: ReceivedPiece): Uint8Array {
  const { attempt, cluster, generation, holder, index, owner, sharing } = piece
  return encodeInfo(["keygrove/v1/piece-receipt", clusterBytes(cluster), owner, generation, sharing, index, holder, attempt])
}

/** What an approval is about: one request of a locked node for its pieces. */
export interface UnlockRequest {
  readonly cluster: ClusterId
  readonly owner: NodePath
  /** The owner's current one, 32 bytes. */
  readonly bootSigningKey: Uint8Array
  /** 32 random bytes of the locked node. */
  readonly request: Uint8Array
}

/** What a member that approves signs with its signing key: info("keygrove/v1/unlock-approval", cluster, owner, bootSigningKey, request). */
export function unlockApprovalBytes({ bootSigningKey, cluster, owner, request }: UnlockRequest): Uint8Array {
  return encodeInfo(["keygrove/v1/unlock-approval", clusterBytes(cluster), owner, bootSigningKey, request])
}

/**
 * What a quote is about: SHA-256 of these bytes is its qualifying data: info("keygrove/v1/unlock-evidence", cluster, owner, bootSigningKey, request, sealingKey, nonces). The sealing key is one that the asking process
 * made for this unlocking, and nobody else has: pieces are given back to it, so that a quote is of no use to whoever else gets hold of it.
 */
export function unlockEvidenceBytes(
  { bootSigningKey, cluster, owner, request }: UnlockRequest,
  { nonces, sealingKey }: { readonly sealingKey: Uint8Array; readonly nonces: readonly Uint8Array[] },
): Uint8Array {
  return encodeInfo(["keygrove/v1/unlock-evidence", clusterBytes(cluster), owner, bootSigningKey, request, sealingKey, nonces])
}
