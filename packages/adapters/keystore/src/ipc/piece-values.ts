import type { CborValue } from "@keygrove/base"
import { clusterBytes } from "@keygrove/hierarchy"
import type {
  BootKeys,
  PieceRecipient,
  PreparedSharing,
  SealedPiece,
  SharingReference,
  StorageSlot,
  StoredPiece,
  Subsharing,
} from "@keygrove/service"

type Fields = Readonly<Record<string, CborValue>>

/** A sharing as it travels. */
export function sharingValue({ cluster, commitments, generation, owner }: SharingReference): Fields {
  return { cluster: clusterBytes(cluster), owner, generation, commitments }
}

/** A stored piece as it travels. */
export function pieceValue({ index, sharing, stored }: StoredPiece): Fields {
  return { sharing: sharingValue(sharing), index, stored }
}

/** Who gets pieces, as it travels. */
export function recipientsValue(recipients: readonly PieceRecipient[]): CborValue {
  return recipients.map(({ index, sealingKey }) => ({ index, sealingKey }))
}

/** Boot keys as they travel. */
export function bootKeysValue({ encryptionKey, sealingKey, signingKey }: BootKeys): Fields {
  return { signingKey, sealingKey, encryptionKey }
}

/** Ways in as they travel. */
export function slotsValue(slots: readonly StorageSlot[]): CborValue {
  return slots.map(({ generation, publicKey }) => ({ generation, publicKey }))
}

/** A new sharing as it travels. */
export function preparedValue({ commitments, pieces }: PreparedSharing): Fields {
  return { commitments, pieces: piecesValue(pieces) }
}

/** What an old holder gives, as it travels. */
export function subsharingValue({ commitments, subpieces }: Subsharing): Fields {
  return { commitments, subpieces: piecesValue(subpieces) }
}

function piecesValue(pieces: readonly SealedPiece[]): CborValue {
  return pieces.map(({ index, sealed }) => ({ index, sealed }))
}
