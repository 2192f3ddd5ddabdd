import { KeygroveError, refuse, type Result } from "@keygrove/base"
import { diskFull, fullDatabase } from "../home/file-failure.ts"

const FULL_SYSTEM: ReadonlySet<unknown> = new Set(["ENOSPC", "EDQUOT"])

/** What an unexpected error of the keystore process becomes. Nothing of its own words leaves: they may quote what was worked on. `store` is the keystore's file. */
export function unexpectedFailure(error: unknown, store: string): Result<never> {
  if (error instanceof KeygroveError) return error.toRefusal()
  const full = fullDatabase(error, store)
  if (full !== undefined) return full
  if (error instanceof Error && "code" in error && FULL_SYSTEM.has(error.code)) return diskFull(store, String(error.code))
  const name = error instanceof Error ? error.name : "unknown"
  return refuse("KEYSTORE_START_FAILED", `the keystore process failed (${name}); report it with the version of keygrove`)
}
