import type { ErrorTable } from "@keygrove/base"

export type PieceErrorCode = "KEY_GENERATION_INVALID" | "PIECE_INDEX_INVALID"

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
}
