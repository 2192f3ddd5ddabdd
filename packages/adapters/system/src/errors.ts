import type { ErrorTable } from "@keygrove/base"

export type SystemErrorCode = "DISK_FULL" | "FILE_UNREADABLE" | "OUTPUT_EXISTS" | "OUTPUT_IS_INPUT" | "OUTPUT_UNWRITABLE"

/** Codes of the operating system's adapter. */
export const systemErrors: ErrorTable<SystemErrorCode> = {
  DISK_FULL: {
    class: "failed",
    meaning: "The disk or the quota is full; nothing acknowledged was lost.",
    remedy: "Free some space or use another directory, then run the command again.",
  },
  FILE_UNREADABLE: {
    class: "failed",
    meaning: "An input file does not exist, may not be read, or failed while it was read.",
    remedy: "Check the path, its permissions and the disk.",
  },
  OUTPUT_EXISTS: {
    class: "usage",
    meaning: "The output exists already and was not replaced.",
    remedy: "Choose another name, or remove the file first.",
  },
  OUTPUT_IS_INPUT: {
    class: "usage",
    meaning: "The output is the same file as the input.",
    remedy: "Choose another name for the output.",
  },
  OUTPUT_UNWRITABLE: {
    class: "failed",
    meaning: "The output cannot be created or written.",
    remedy: "Check that its directory exists and may be written to.",
  },
}
