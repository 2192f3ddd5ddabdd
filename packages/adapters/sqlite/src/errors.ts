import type { ErrorTable } from "@keygrove/base"

/** Codes of adapters/sqlite. */
export type DatabaseRefusal =
  | "DATABASE_CORRUPT"
  | "DATABASE_FOREIGN"
  | "DATABASE_VERSION"
  | "DATABASE_BUSY"
  | "DATABASE_FAILED"
  | "DISK_FULL"

/** Codes of adapters/sqlite, with those of the Storage port. */
export const sqliteErrors: ErrorTable<DatabaseRefusal | "STORAGE_CORRUPT" | "STORAGE_FAILED"> = {
  DATABASE_CORRUPT: { class: "failed", meaning: "A database file is damaged.", remedy: "Restore it from a backup." },
  DATABASE_FOREIGN: {
    class: "failed",
    meaning: "A file in the home directory is another program's database.",
    remedy: "Move the file away or choose another home directory.",
  },
  DATABASE_VERSION: { class: "failed", meaning: "A database was written by a newer version.", remedy: "Update this program." },
  DATABASE_BUSY: { class: "failed", meaning: "Another process keeps a database locked.", remedy: "End the other process and try again." },
  DATABASE_FAILED: {
    class: "failed",
    meaning: "A database could not be read or written.",
    remedy: "Check the permissions of the home directory and the disk.",
  },
  DISK_FULL: {
    class: "failed",
    meaning: "The disk or the quota is full; nothing acknowledged was lost.",
    remedy: "Free some space or use another directory, then run the command again.",
  },
  STORAGE_CORRUPT: { class: "failed", meaning: "The node's database is damaged.", remedy: "Restore node.db from a backup." },
  STORAGE_FAILED: {
    class: "failed",
    meaning: "The node's database could not be read or written.",
    remedy: "Check the permissions of the home directory and the disk.",
  },
}
