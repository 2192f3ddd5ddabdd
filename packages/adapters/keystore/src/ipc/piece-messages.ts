import { brandShape, bytesShape, bytesWithinShape, integerShape, type Shape } from "@keygrove/base"
import { compressedPointShape, decodeClusterBytes, decodeNodePath } from "@keygrove/hierarchy"
import { decodeKeyGeneration, decodePieceIndex, MAX_CUSTODY_MEMBERS, POSSESSION_PROOF_BYTES } from "@keygrove/pieces"
import type {
  BootKeys,
  PieceAcceptance,
  PieceReturn,
  PreparedSharing,
  SharingOrder,
  SharingReference,
  StorageSlot,
  StoredPiece,
  SubpieceCombination,
  SubshareOrder,
  Subsharing,
} from "@keygrove/service"
import * as v from "valibot"
import { MAX_SLOTS } from "../run-store.ts"

/** What the daemon may ask about storage keys and pieces, by method. */
export interface PieceRequests {
  readonly "pieces.bootKeys": Readonly<Record<never, never>>
  readonly "pieces.slots": Readonly<Record<never, never>>
  readonly "pieces.share": SharingOrder
  readonly "pieces.keepSlots": { readonly publicKeys: readonly Uint8Array[] }
  readonly "pieces.accept": PieceAcceptance
  readonly "pieces.return": PieceReturn
  readonly "pieces.prove": StoredPiece & { readonly challenge: Uint8Array }
  readonly "pieces.subshare": SubshareOrder
  readonly "pieces.combine": SubpieceCombination
}

/** What comes back. */
export interface PieceAnswers {
  readonly "pieces.bootKeys": BootKeys
  readonly "pieces.slots": readonly StorageSlot[]
  readonly "pieces.share": PreparedSharing
  readonly "pieces.keepSlots": true
  readonly "pieces.accept": Uint8Array
  readonly "pieces.return": Uint8Array
  readonly "pieces.prove": Uint8Array
  readonly "pieces.subshare": Subsharing
  readonly "pieces.combine": { readonly stored: Uint8Array; readonly commitments: readonly Uint8Array[] }
}

/** Longest sealed message with a piece, and longest stored one. */
const MAX_SEALED_BYTES = 1_024
const generation = brandShape(decodeKeyGeneration)
const index = brandShape(decodePieceIndex)
const threshold = integerShape(0, MAX_CUSTODY_MEMBERS)
const sealed = bytesWithinShape(0, MAX_SEALED_BYTES)
const commitments = v.pipe(v.array(compressedPointShape()), v.maxLength(MAX_CUSTODY_MEMBERS))
const recipients = v.pipe(v.array(v.strictObject({ index, sealingKey: bytesShape(32) })), v.maxLength(MAX_CUSTODY_MEMBERS))
const sealedPieces = v.pipe(v.array(v.strictObject({ index, sealed })), v.maxLength(MAX_CUSTODY_MEMBERS))
const none = v.strictObject({})

/** Of the part of a sharing that everybody may see. */
export const sharingShape: Shape<SharingReference> = v.strictObject({
  cluster: brandShape(decodeClusterBytes),
  owner: brandShape(decodeNodePath),
  generation,
  commitments,
})
const piece = { sharing: sharingShape, index, stored: sealed }

/** Shapes of the requests. */
export const pieceRequestShapes: { readonly [M in keyof PieceRequests]: Shape<PieceRequests[M]> } = {
  "pieces.bootKeys": none,
  "pieces.slots": none,
  "pieces.share": v.strictObject({ generation, threshold, recipients }),
  "pieces.keepSlots": v.strictObject({ publicKeys: v.pipe(v.array(compressedPointShape()), v.maxLength(MAX_SLOTS)) }),
  "pieces.accept": v.strictObject({ sharing: sharingShape, index, ownerSigningKey: bytesShape(32), sealed }),
  "pieces.return": v.strictObject({ ...piece, request: bytesShape(32), ownerSealingKey: bytesShape(32) }),
  "pieces.prove": v.strictObject({ ...piece, challenge: bytesShape(32) }),
  "pieces.subshare": v.strictObject({ ...piece, to: generation, threshold, recipients }),
  "pieces.combine": v.strictObject({
    from: sharingShape,
    to: generation,
    threshold,
    index,
    contributions: v.pipe(
      v.array(v.strictObject({ index, signingKey: bytesShape(32), commitments, sealed })),
      v.maxLength(MAX_CUSTODY_MEMBERS),
    ),
  }),
}

/** Of the keys that a node has before it is unlocked. */
export const bootKeysShape: Shape<BootKeys> = v.strictObject({
  signingKey: bytesShape(32),
  sealingKey: bytesShape(32),
  encryptionKey: compressedPointShape(),
})
/** Of the ways in. */
export const slotsShape: Shape<readonly StorageSlot[]> = v.pipe(
  v.array(v.strictObject({ generation, publicKey: compressedPointShape() })),
  v.maxLength(MAX_SLOTS),
)

/** Shapes of the answers. */
export const pieceAnswerShapes: { readonly [M in keyof PieceAnswers]: Shape<PieceAnswers[M]> } = {
  "pieces.bootKeys": bootKeysShape,
  "pieces.slots": slotsShape,
  "pieces.share": v.strictObject({ commitments, pieces: sealedPieces }),
  "pieces.keepSlots": v.literal(true),
  "pieces.accept": sealed,
  "pieces.return": sealed,
  "pieces.prove": bytesShape(POSSESSION_PROOF_BYTES),
  "pieces.subshare": v.strictObject({ commitments, subpieces: sealedPieces }),
  "pieces.combine": v.strictObject({ stored: sealed, commitments }),
}
