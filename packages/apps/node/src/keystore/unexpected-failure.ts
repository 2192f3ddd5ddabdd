import { KeygroveError, refuse, type Result } from "@keygrove/base"
import { diskFull } from "../home/file-failure.ts"

/** SQLITE_FULL, and SQLITE_IOERR_SHMSIZE: no room for the memory that processes share (https://www.sqlite.org/rescode.html). */
const FULL_SQLITE: ReadonlySet<unknown> = new Set([13, 4_874])
const FULL_SYSTEM: ReadonlySet<unknown> = new Set(["ENOSPC", "EDQUOT"])

/** What an unexpected error of the keystore process becomes. Nothing of its own words leaves: they may quote what was worked on. `store` is the keystore's file. */
export function unexpectedFailure(error: unknown, store: string): Result<never> {
  if (error instanceof KeygroveError) return error.toRefusal()
  if (error instanceof Error) {
    if ("errcode" in error && FULL_SQLITE.has(error.errcode)) return diskFull(store, "SQLITE_FULL")
    if ("code" in error && FULL_SYSTEM.has(error.code)) return diskFull(store, String(error.code))
  }
  const name = error instanceof Error ? error.name : "unknown"
  return refuse("KEYSTORE_START_FAILED", `the keystore process failed (${name}); report it with the version of keygrove`)
}
