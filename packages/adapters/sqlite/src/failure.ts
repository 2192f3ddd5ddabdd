import { refuse, type Refusal } from "@keygrove/base"
import type { DatabaseRefusal } from "./errors.ts"

/** What SQLite itself can fail with. */
type Fault = Exclude<DatabaseRefusal, "DATABASE_FOREIGN" | "DATABASE_VERSION">

/** Primary result codes of SQLite, https://www.sqlite.org/rescode.html */
const CODES: ReadonlyMap<number, Fault> = new Map([
  [5, "DATABASE_BUSY"],
  [6, "DATABASE_BUSY"],
  [11, "DATABASE_CORRUPT"],
  [13, "DISK_FULL"],
  [26, "DATABASE_CORRUPT"],
])

/** Extended result codes that say more than their primary one: no room for the memory that processes share, SQLITE_IOERR_SHMSIZE. */
const EXTENDED_CODES: ReadonlyMap<number, Fault> = new Map([[4_874, "DISK_FULL"]])

const REMEDIES: Readonly<Record<Fault, string>> = {
  DATABASE_BUSY: "end the process that uses it and try again",
  DATABASE_CORRUPT: "restore it from a backup",
  DATABASE_FAILED: "check the permissions of its directory, and the disk",
  DISK_FULL: "free some space and run it again, nothing acknowledged was lost",
}

/** What a failure of `node:sqlite` means; rethrows everything that is not one. The message names the file and SQLite's own words, never values. */
export function databaseFailure(error: unknown, path: string): Refusal<DatabaseRefusal> {
  if (!(error instanceof Error)) throw error
  if ("errcode" in error && typeof error.errcode === "number") {
    const code = EXTENDED_CODES.get(error.errcode) ?? CODES.get(error.errcode & 0xff) ?? "DATABASE_FAILED"
    const words = "errstr" in error ? String(error.errstr) : "database error"
    return refuse(code, `${path}: ${words} (SQLite ${error.errcode}); ${REMEDIES[code]}`, { sqlite: error.errcode })
  }
  if ("code" in error && error.code === "ENOSPC") return refuse("DISK_FULL", `${path}: no space left on the disk; ${REMEDIES.DISK_FULL}`)
  if ("code" in error && "syscall" in error) return refuse("DATABASE_FAILED", `${path}: ${String(error.code)}; ${REMEDIES.DATABASE_FAILED}`)
  throw error
}
