import type { ErrorTable } from "@keygrove/base"
import type { CustodyVoidReason } from "./custody/ruling.ts"

export type PieceErrorCode =
  | "KEY_GENERATION_INVALID"
  | "PIECE_INDEX_INVALID"
  | "PIECES_INSUFFICIENT"
  | "SHARING_INVALID"
  | "SUBPIECE_INVALID"

/** Codes of core/pieces. */
export const pieceErrors: ErrorTable<PieceErrorCode | CustodyVoidReason | "CUSTODY_STATE_INVALID"> = {
  KEY_GENERATION_INVALID: {
    class: "usage",
    meaning: "The number of a key generation is not a whole number from 1.",
    remedy: "Ask the peer for its statement again.",
  },
  PIECE_INDEX_INVALID: {
    class: "failed",
    meaning: "The index of a key piece is not a whole number from 1 to 255.",
    remedy: "Ask the peer for the piece again.",
  },
  PIECES_INSUFFICIENT: {
    class: "peers",
    meaning: "Fewer right pieces came than the sharing needs; wrong ones are named by their index.",
    remedy: "Start more of the nodes that hold pieces, or use the passphrase.",
  },
  SHARING_INVALID: {
    class: "failed",
    meaning: "What should share a key is not well-formed: commitments, indices, or the number of pieces needed.",
    remedy: "Ask the peer for it again; report it when it stays so.",
  },
  SUBPIECE_INVALID: {
    class: "failed",
    meaning: "A holder of an older generation gave a sub-piece that does not match its piece or its commitments; its index is in the data.",
    remedy: "Nothing: the next attempt goes without it. Look at the named node.",
  },
  CUSTODY_STATE_INVALID: {
    class: "failed",
    meaning: "What a snapshot says about custody is malformed or contradicts itself.",
    remedy: "Get another snapshot, or read the ledger from its beginning.",
  },
  MEMBER_UNKNOWN: {
    class: "refused",
    meaning: "The node is no member: others keep no pieces of it.",
    remedy: "Unlock the node once with its passphrase or key file: it becomes a member by itself.",
  },
  MEMBER_REVISION_STALE: {
    class: "refused",
    meaning: "A newer statement of this node about its membership is on the ledger already.",
    remedy: "Read the ledger to its end and try again.",
  },
  MEMBER_LIMIT: {
    class: "refused",
    meaning: "The cluster has 255 members, as many as pieces of one key are possible.",
    remedy: "Have a node leave that need not restart by itself.",
  },
  BOOT_KEY_REUSED: {
    class: "refused",
    meaning: "The boot key is or was another node's, or is a signing key.",
    remedy: "Remove the file boot-key of the home while the node is stopped; another one is made.",
  },
  KEY_GENERATION_NUMBER_WRONG: {
    class: "refused",
    meaning: "The key generation is not the one after the last.",
    remedy: "Read the ledger to its end and try again.",
  },
  KEY_GENERATION_MEMBERS_FEW: {
    class: "refused",
    meaning: "There are fewer than 3 members, so one piece alone would be the key.",
    remedy: "Start more nodes.",
  },
  KEY_GENERATION_STARTING: {
    class: "refused",
    meaning: "A key generation with the same members is starting already.",
    remedy: "Wait until it is complete, or abort it.",
  },
  KEY_GENERATION_LIMIT: {
    class: "refused",
    meaning: "There are as many open key generations as can be: older ones are kept because owners depend on them.",
    remedy: "Start the nodes that have been away for long, so that they share again, or revoke those that will not come back.",
  },
  KEY_GENERATION_UNKNOWN: {
    class: "refused",
    meaning: "The key generation has not begun, or is over: aborted, given up or retired.",
    remedy: "Read the ledger to its end and try again.",
  },
  KEY_GENERATION_COMPLETE: {
    class: "refused",
    meaning: "The key generation is complete, so it cannot be aborted.",
    remedy: "Nothing: it retires when a newer one has all that is in it.",
  },
  KEY_GENERATION_INCOMPLETE: {
    class: "refused",
    meaning: "The key generation is still starting, so nothing is moved into it.",
    remedy: "Wait until a majority has shared in it.",
  },
  KEY_GENERATION_FOREIGN: {
    class: "refused",
    meaning: "The node is no member of that key generation, or not the one that was.",
    remedy: "Wait for the next key generation.",
  },
  SHARING_DUPLICATE: {
    class: "refused",
    meaning: "The owner has a sharing in that key generation already.",
    remedy: "Nothing: it is there.",
  },
  SHARING_MOVING: {
    class: "refused",
    meaning: "An older sharing of the owner is being moved into that key generation, so receipts that it got itself count no more.",
    remedy: "Wait until that has ended, or share in the next key generation.",
  },
  SHARING_UNKNOWN: {
    class: "refused",
    meaning: "The owner has no such sharing in that key generation.",
    remedy: "Read the ledger to its end and try again.",
  },
  SHARING_THRESHOLD_WRONG: {
    class: "refused",
    meaning: "A sharing has another number of commitments than pieces are needed in its key generation.",
    remedy: "Update the node that wrote it.",
  },
  STORAGE_KEY_REUSED: {
    class: "refused",
    meaning: "A sharing is of a storage key that an older key generation has; each has a fresh one.",
    remedy: "Update the node that wrote it.",
  },
  STORAGE_KEY_WRONG: {
    class: "refused",
    meaning: "What was redistributed is of another storage key than the older sharing.",
    remedy: "Begin another attempt; look at the node that wrote it.",
  },
  REDISTRIBUTION_OWNER_WRONG: {
    class: "refused",
    meaning: "A redistribution is begun by its owner, or the owner is no member of that key generation.",
    remedy: "Have another member begin it.",
  },
  REDISTRIBUTION_ATTEMPT_WRONG: {
    class: "refused",
    meaning: "The attempt does not follow the last one, or is not the newest of its author.",
    remedy: "Read the ledger to its end and begin the next attempt if it is still needed.",
  },
  PIECE_RECEIPTS_FEW: {
    class: "refused",
    meaning: "A sharing shows receipts of fewer holders than pieces are needed.",
    remedy: "Wait for more holders.",
  },
  PIECE_RECEIPT_HOLDER_WRONG: {
    class: "refused",
    meaning: "A receipt is of the owner itself, of nobody who is a member of the key generation, or of one that wiped its pieces.",
    remedy: "Leave that receipt out.",
  },
  PIECE_RECEIPT_INVALID: {
    class: "refused",
    meaning: "A receipt is not signed by the holder's current key over this piece and attempt.",
    remedy: "Ask the holder for its receipt again.",
  },
  PIECE_HELD_WRONG: {
    class: "refused",
    meaning: "A holder names a piece of its own key, one that the ledger knows it has, or one that it wiped.",
    remedy: "Leave that piece out.",
  },
  PIECES_WIPED_STALE: {
    class: "refused",
    meaning: "The holder said so already, or names a key generation that has not begun.",
    remedy: "Nothing: it is there.",
  },
}
