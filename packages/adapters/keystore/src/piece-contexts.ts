import type { CborValue } from "@keygrove/base"
import type { KeyInfo, Primitives } from "@keygrove/crypto"
import { clusterBytes, type NodeReference } from "@keygrove/hierarchy"
import { sharingIdOf, type KeyGeneration, type PieceIndex } from "@keygrove/pieces"
import type { SharingReference } from "@keygrove/service"

/** One piece: of which sharing, and which of it. */
export interface NamedPiece {
  readonly sharing: SharingReference
  readonly index: PieceIndex
}

/** What names a sharing, with its id, in all that is bound to one of its pieces. */
export function pieceParts(primitives: Pick<Primitives, "sha256">, { index, sharing }: NamedPiece): readonly CborValue[] {
  const { cluster, commitments, generation, owner } = sharing
  const id = sharingIdOf(primitives, { owner: { cluster, path: owner }, generation, commitments })
  return [clusterBytes(cluster), owner, generation, id, index]
}

/** Context of the sealed message in which an owner gives a piece to its holder. */
export function pieceContext(primitives: Pick<Primitives, "sha256">, piece: NamedPiece): KeyInfo {
  return ["keygrove/v1/piece", ...pieceParts(primitives, piece)]
}

/** Context of the sealed message in which a holder gives a piece back to the owner, in one request (32 bytes). */
export function returnContext(primitives: Pick<Primitives, "sha256">, piece: NamedPiece, request: Uint8Array): KeyInfo {
  return ["keygrove/v1/piece-return", ...pieceParts(primitives, piece), request]
}

/** One sub-piece: of whose storage key, from which generation to which, of which old holder and for which new one. */
export interface NamedSubpiece {
  readonly owner: NodeReference
  readonly from: KeyGeneration
  readonly to: KeyGeneration
  readonly fromIndex: PieceIndex
  readonly toIndex: PieceIndex
}

/** Context of the sealed message in which an old holder gives a sub-piece to a new one. */
export function subpieceContext({ from, fromIndex, owner, to, toIndex }: NamedSubpiece): KeyInfo {
  return ["keygrove/v1/subpiece", clusterBytes(owner.cluster), owner.path, from, to, fromIndex, toIndex]
}
