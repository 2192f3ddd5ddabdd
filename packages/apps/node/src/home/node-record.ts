import { DatabaseSync } from "node:sqlite"
import { refuse, type Result } from "@keygrove/base"
import { claimedRecord, type NodeRecord } from "@keygrove/keystore/node-record"
import { fullDatabase } from "./file-failure.ts"

/** What a `keystore.db` says in the open about its node, also while another process writes it. Nothing authenticates it. */
export function readNodeRecord(path: string): Result<NodeRecord, "DISK_FULL" | "KEYSTORE_EMPTY" | "KEYSTORE_RECORD_CORRUPT"> {
  try {
    using database = new DatabaseSync(path, { readOnly: true })
    return claimedRecord(database)
  } catch (error) {
    // Also to read, SQLite needs room for what processes share.
    const full = fullDatabase(error, path)
    if (full !== undefined) return full
    const why = error instanceof Error ? error.message : "unknown reason"
    return refuse("KEYSTORE_EMPTY", `${path} cannot be read (${why}); restore it from a backup`)
  }
}
