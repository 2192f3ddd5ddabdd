import type { ErrorTable } from "@keygrove/base"

export type SdkFileErrorCode = "FILE_CHANGED" | "FILE_CORRUPT" | "FILE_TRAILING" | "OUTPUT_CLOSED"

/** Codes of file encryption and decryption beyond those of the format and the system. */
export const sdkFileErrors: ErrorTable<SdkFileErrorCode> = {
  FILE_CHANGED: {
    class: "failed",
    meaning: "The input became shorter while it was being encrypted.",
    remedy: "Run the command again when nothing writes to the file.",
  },
  FILE_CORRUPT: {
    class: "failed",
    meaning: "Part of a Keygrove file was changed, moved, or is of another file.",
    remedy: "Fetch the file again from its source.",
  },
  FILE_TRAILING: {
    class: "failed",
    meaning: "Bytes follow the end of a Keygrove file.",
    remedy: "Fetch the file again from its source.",
  },
  OUTPUT_CLOSED: {
    class: "failed",
    meaning: "Whoever read the output went away before its end.",
    remedy: "Check the command that the output is piped into.",
  },
}
