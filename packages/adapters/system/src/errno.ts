import { KeygroveError } from "@keygrove/base"
import type { SystemErrorCode } from "./errors.ts"

/** The system's name of an error, e.g. `ENOENT`; `UNKNOWN` for anything else. */
export function errnoOf(error: unknown): string {
  return error instanceof Error && "code" in error && typeof error.code === "string" ? error.code : "UNKNOWN"
}

const FULL: readonly string[] = ["ENOSPC", "EDQUOT", "EFBIG"]

/** What a failed write means to the person. */
export function writeError(path: string, cause: unknown): KeygroveError {
  const errno = errnoOf(cause)
  if (FULL.includes(errno))
    return systemError("DISK_FULL", `${path} cannot be written: no space left (${errno}); free some space and run it again`, cause)
  return systemError(
    "OUTPUT_UNWRITABLE",
    `${path} cannot be written (${errno}); check that its directory exists and may be written to`,
    cause,
  )
}

/** What a failed open or read means to the person. */
export function readError(path: string, cause: unknown): KeygroveError {
  return systemError("FILE_UNREADABLE", `${path} cannot be read (${errnoOf(cause)}); check the path, its permissions and the disk`, cause)
}

/** A thrown error of this package. */
export function systemError(code: SystemErrorCode, message: string, cause?: unknown): KeygroveError {
  return new KeygroveError(code, message, { cause })
}
