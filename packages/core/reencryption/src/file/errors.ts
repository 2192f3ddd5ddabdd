import type { ErrorTable } from "@keygrove/base"

export type FileErrorCode =
  | "FILE_HEADER_INVALID"
  | "FILE_NOT_KEYGROVE"
  | "FILE_TRUNCATED"
  | "FILE_VERSION"
  | "LABEL_CARD_INVALID"
  | "LABEL_INVALID"

/** Codes of the `.kg` format; part of the package's one table. */
export const fileErrors: ErrorTable<FileErrorCode> = {
  FILE_HEADER_INVALID: {
    class: "failed",
    meaning: "The header of a Keygrove file is malformed.",
    remedy: "Fetch the file again from its source.",
  },
  FILE_NOT_KEYGROVE: {
    class: "failed",
    meaning: "The input is not a Keygrove file.",
    remedy: "Check that you named the encrypted file.",
  },
  FILE_TRUNCATED: {
    class: "failed",
    meaning: "A Keygrove file ends before its end.",
    remedy: "Fetch the file again from its source.",
  },
  FILE_VERSION: {
    class: "failed",
    meaning: "A Keygrove file was written by a newer version.",
    remedy: "Update Keygrove.",
  },
  LABEL_CARD_INVALID: {
    class: "usage",
    meaning: "What was given is not a label's card, or has a typing error.",
    remedy: "Copy it again, whole, from what `keygrove id --label LABEL` prints on its owner's node.",
  },
  LABEL_INVALID: {
    class: "usage",
    meaning: "A label does not follow the grammar.",
    remedy: "Use 1 to 128 bytes of text in parts separated by /, as in photos/2026.",
  },
}
