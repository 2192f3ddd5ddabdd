import { refuse, type Refusal } from "@keygrove/base"

const FULL: ReadonlySet<string> = new Set(["ENOSPC", "EDQUOT"])
const FORBIDDEN: ReadonlySet<string> = new Set(["EACCES", "EPERM", "EROFS"])

/** What a failed write to the home means to the person; `undefined` for anything that is not one. */
export function fileFailure(error: unknown, directory: string): Refusal<"DISK_FULL" | "HOME_UNWRITABLE"> | undefined {
  if (!(error instanceof Error) || !("syscall" in error) || !("code" in error) || typeof error.code !== "string") return undefined
  // A failed write, unlike a failed open, does not name its file.
  const path = "path" in error && typeof error.path === "string" && error.path.startsWith(directory) ? error.path : directory
  if (FULL.has(error.code)) return diskFull(path, error.code)
  if (FORBIDDEN.has(error.code))
    return refuse("HOME_UNWRITABLE", `${path} cannot be written (${error.code}); check the permissions of the home directory`)
  return undefined
}

/** SQLITE_FULL, and SQLITE_IOERR_SHMSIZE: no room for the memory that processes share (https://www.sqlite.org/rescode.html). */
const FULL_SQLITE: ReadonlySet<unknown> = new Set([13, 4_874])

/** What a database on a disk without room failed with; `undefined` for anything else. */
export function fullDatabase(error: unknown, path: string): Refusal<"DISK_FULL"> | undefined {
  const isFull = error instanceof Error && "errcode" in error && FULL_SQLITE.has(error.errcode)
  return isFull ? diskFull(path, "SQLITE_FULL") : undefined
}

/** The refusal for a disk or quota without room. */
export function diskFull(path: string, reason: string): Refusal<"DISK_FULL"> {
  return refuse(
    "DISK_FULL",
    `${path} cannot be written: no space left (${reason}); free some and run it again, nothing acknowledged was lost`,
  )
}
