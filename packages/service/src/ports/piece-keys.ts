import type { Result } from "@keygrove/base"
import type { ClusterId, NodePath } from "@keygrove/hierarchy"
import type { KeyGeneration, PieceIndex } from "@keygrove/pieces"
import type { CallOptions } from "./call-options.ts"
import type { DelegatedStartKeys, DelegatedStartUnlocking } from "./delegated-start.ts"
import type { Keystore, KeystoreRefusal } from "./keystore.ts"

/** What a node is known by before it is unlocked. */
export interface BootKeys {
  /** Ed25519, 32 bytes. */
  readonly signingKey: Uint8Array
  /** X25519, 32 bytes. */
  readonly sealingKey: Uint8Array
  /** secp256k1, 33 bytes: labels are granted to it, which this node can read while it is locked. */
  readonly encryptionKey: Uint8Array
}

/** One sharing of one owner's storage key: the part that everybody may see. */
export interface SharingReference {
  readonly cluster: ClusterId
  readonly owner: NodePath
  readonly generation: KeyGeneration
  /** Compressed points, 33 bytes each, as many as pieces are needed; the first is the storage key's public key. */
  readonly commitments: readonly Uint8Array[]
}

/** A way to open a keystore: its run key, sealed under the storage key with this public key. */
export interface StorageSlot {
  readonly generation: KeyGeneration
  /** Compressed point, 33 bytes. */
  readonly publicKey: Uint8Array
}

/** Who gets a piece. */
export interface PieceRecipient {
  readonly index: PieceIndex
  /** X25519, 32 bytes. */
  readonly sealingKey: Uint8Array
}

/** A sealed message (core/crypto) for the recipient with this index. */
export interface SealedPiece {
  readonly index: PieceIndex
  readonly sealed: Uint8Array
}

export interface SharingOrder {
  readonly generation: KeyGeneration
  readonly threshold: number
  /** Every member but this node: each gets one piece. */
  readonly recipients: readonly PieceRecipient[]
}

export interface PreparedSharing {
  readonly commitments: readonly Uint8Array[]
  readonly pieces: readonly SealedPiece[]
}

/** A piece as {@link PieceKeys.acceptPiece} or {@link PieceKeys.combineSubpieces} returned it, and whose it is. */
export interface StoredPiece {
  readonly sharing: SharingReference
  readonly index: PieceIndex
  readonly stored: Uint8Array
}

export interface PieceAcceptance {
  readonly sharing: SharingReference
  readonly index: PieceIndex
  readonly ownerSigningKey: Uint8Array
  readonly sealed: Uint8Array
}

export interface PieceReturn extends StoredPiece {
  /** Of the unlocking, 32 bytes. */
  readonly request: Uint8Array
  /** 32 bytes: the owner's boot sealing key, or the {@link LockedKeystore.freshSealingKey} for which it gave evidence. */
  readonly ownerSealingKey: Uint8Array
}

export interface SubshareOrder extends StoredPiece {
  /** The generation to which the sharing moves. */
  readonly to: KeyGeneration
  readonly threshold: number
  readonly recipients: readonly PieceRecipient[]
}

/** What an old holder gives to a redistribution. */
export interface Subsharing {
  /** Of the polynomial with which it shares its piece; the first is its piece's public point. */
  readonly commitments: readonly Uint8Array[]
  readonly subpieces: readonly SealedPiece[]
}

/** What a new holder gets of one old holder. */
export interface Contribution {
  /** Of the old holder in the old sharing. */
  readonly index: PieceIndex
  readonly signingKey: Uint8Array
  readonly commitments: readonly Uint8Array[]
  /** The sub-piece for this node. */
  readonly sealed: Uint8Array
}

export interface SubpieceCombination {
  /** The old sharing. */
  readonly from: SharingReference
  readonly to: KeyGeneration
  /** Of the new one: so many pieces will be needed. */
  readonly threshold: number
  /** Of this node in the new one. */
  readonly index: PieceIndex
  /** As many as the old threshold. */
  readonly contributions: readonly Contribution[]
}

/** A piece that came back, and from whom. */
export interface ReturnedPiece {
  readonly index: PieceIndex
  readonly holderSigningKey: Uint8Array
  readonly sealed: Uint8Array
}

export interface PieceUnlocking {
  /** Its first commitment is the public key of one of the slots. */
  readonly sharing: SharingReference
  readonly request: Uint8Array
  readonly pieces: readonly ReturnedPiece[]
}

export type PieceRefusal =
  | KeystoreRefusal
  | "BOOT_KEY_INVALID"
  | "BOOT_KEY_SEALED"
  | "SHARING_INVALID"
  | "PIECE_INVALID"
  | "SUBPIECE_INVALID"
  | "PIECES_INSUFFICIENT"
  | "SLOT_UNKNOWN"
  | "DELEGATED_START_ABSENT"
  | "DELEGATED_START_INVALID"
  | "RUN_RECORD_ABSENT"
  | "RUN_RECORD_STALE"
  | "KEYSTORE_EMPTY"
  | "KEYSTORE_RECORD_CORRUPT"

/** What an unlocked keystore does with storage keys and pieces (docs/protocol/pieces.md). Nothing of a piece leaves but sealed to whom it is for. */
export interface PieceKeys extends DelegatedStartKeys {
  /** Makes the boot secret when there is none yet. Refuses `BOOT_KEY_INVALID` when its file is not what it should be, and `BOOT_KEY_SEALED` when this machine's TPM does not open it. */
  bootKeys(options: CallOptions): Promise<Result<BootKeys, PieceRefusal>>
  /** The ways in that exist now, the oldest first. */
  slots(options: CallOptions): Promise<Result<readonly StorageSlot[], PieceRefusal>>
  /** Makes a fresh storage key, its pieces, and its slot (durably, in the place of one of the same generation), of which there are at most 64. The storage key is wiped. */
  share(order: SharingOrder, options: CallOptions): Promise<Result<PreparedSharing, PieceRefusal>>
  /** Wipes every slot whose public key is not among these. */
  keepSlots(publicKeys: readonly Uint8Array[], options: CallOptions): Promise<Result<true, PieceRefusal>>
  /** As holder: opens a piece, sealed to this node's key of any epoch, checks it against the commitments, and seals it for this node to keep. Refuses `PIECE_INVALID`. */
  acceptPiece(acceptance: PieceAcceptance, options: CallOptions): Promise<Result<Uint8Array, PieceRefusal>>
  /** As holder: seals a stored piece, which is opened whatever epoch it was stored in, to a key of its owner. */
  returnPiece(order: PieceReturn, options: CallOptions): Promise<Result<Uint8Array, PieceRefusal>>
  /** As holder: proves possession of a stored piece, bound to a challenge of 32 bytes. */
  provePiece(order: StoredPiece & { readonly challenge: Uint8Array }, options: CallOptions): Promise<Result<Uint8Array, PieceRefusal>>
  /** As old holder: shares its piece anew among the members of another generation. */
  subshare(order: SubshareOrder, options: CallOptions): Promise<Result<Subsharing, PieceRefusal>>
  /**
   * As new holder: its piece of the moved sharing, to keep, and the commitments of that. Refuses `SUBPIECE_INVALID` with the liar's index in `data.index`. Of the largest sharings, of 255 members, it
   * keeps the keystore from all else for some tenths of a second.
   */
  combineSubpieces(
    order: SubpieceCombination,
    options: CallOptions,
  ): Promise<Result<{ readonly stored: Uint8Array; readonly commitments: readonly Uint8Array[] }, PieceRefusal>>
}

/** A keystore that was opened by its boot key only. Disposal ends it. */
export interface LockedKeystore extends AsyncDisposable, DelegatedStartUnlocking {
  /** The node that it is of, as it was when its run record was written. */
  readonly node: { readonly cluster: ClusterId; readonly path: NodePath }
  readonly bootKeys: BootKeys
  /** X25519, 32 bytes: made when this keystore was started, kept nowhere. Pieces may be sealed to it as well as to the boot sealing key; unlike that one, a copy of the disk does not have it. */
  readonly freshSealingKey: Uint8Array
  readonly slots: readonly StorageSlot[]
  /** Signs with the boot key: handshakes and messages, never statements. */
  sign(purpose: "handshake" | "message", message: Uint8Array, options: CallOptions): Promise<Result<Uint8Array, KeystoreRefusal>>
  /**
   * Combines pieces, at most 512, each checked against the commitments, and opens the keystore with them; the result takes this one's place. Indices of bad pieces are `liars`,
   * also, separated by commas, in the data of `PIECES_INSUFFICIENT`, after which it can be tried again with others. When the signal fires meanwhile, the keystore ends.
   */
  unlock(
    order: PieceUnlocking,
    options: CallOptions,
  ): Promise<Result<{ readonly keystore: Keystore & PieceKeys; readonly liars: readonly PieceIndex[] }, PieceRefusal>>
}
