import type { ErrorTable } from "@keygrove/base"

export type PieceErrorCode =
  | "KEY_GENERATION_INVALID"
  | "PIECE_INDEX_INVALID"
  | "PIECES_INSUFFICIENT"
  | "SHARING_INVALID"
  | "SUBPIECE_INVALID"

/** Codes of core/pieces. */
export const pieceErrors: ErrorTable<PieceErrorCode> = {
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
}
