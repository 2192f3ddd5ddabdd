import { refuse, type Refusal } from "@keygrove/base"
import type { DatabaseRefusal } from "./errors.ts"

/** Primary result codes of SQLite, https://www.sqlite.org/rescode.html */
const CODES: ReadonlyMap<number, DatabaseRefusal> = new Map([
  [5, "DATABASE_BUSY"],
  [6, "DATABASE_BUSY"],
  [11, "DATABASE_CORRUPT"],
  [13, "DISK_FULL"],
  [26, "DATABASE_CORRUPT"],
])

/** What a failure of `node:sqlite` means; rethrows everything that is not one. The message names the file and SQLite's own words, never values. */
export function databaseFailure(error: unknown, path: string): Refusal<DatabaseRefusal> {
  if (!(error instanceof Error)) throw error
  if ("errcode" in error && typeof error.errcode === "number") {
    const code = CODES.get(error.errcode & 0xff) ?? "DATABASE_FAILED"
    return refuse(code, `${path}: ${"errstr" in error ? String(error.errstr) : "database error"} (SQLite ${error.errcode})`, {
      sqlite: error.errcode,
    })
  }
  if ("code" in error && error.code === "ENOSPC") return refuse("DISK_FULL", `${path}: no space left on the disk`)
  if ("code" in error && "syscall" in error) return refuse("DATABASE_FAILED", `${path}: ${String(error.code)}`)
  throw error
}
