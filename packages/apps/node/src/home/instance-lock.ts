import { readFileSync, rmSync, writeFileSync } from "node:fs"
import { DatabaseSync } from "node:sqlite"
import { ok, refuse, type Refusal, type Result } from "@keygrove/base"
import { diskFull } from "./file-failure.ts"
import type { Home } from "./home.ts"

export type LockRefusal = "ALREADY_RUNNING" | "DATABASE_CORRUPT" | "DISK_FULL" | "HOME_UNWRITABLE"

/**
 * Holds the home for this process: an exclusive lock that the system drops when the process ends, however it ends. SQLite takes it, because Node has no
 * file locks of its own. The pid file is for people only.
 */
export function lockHome(home: Home): Result<Disposable, LockRefusal> {
  using stack = new DisposableStack()
  try {
    const database = stack.adopt(new DatabaseSync(home.lock, { timeout: 0 }), (open) => open.close())
    database.exec("PRAGMA locking_mode = EXCLUSIVE; BEGIN EXCLUSIVE; CREATE TABLE IF NOT EXISTS held (pid INTEGER); COMMIT")
  } catch (error) {
    return lockFailure(error, home)
  }
  stack.defer(() => rmSync(home.pid, { force: true }))
  writeFileSync(home.pid, `${process.pid}\n`, { mode: 0o600 })
  const held = stack.move()
  return ok({ [Symbol.dispose]: () => held.dispose() })
}

/** By SQLite's primary result codes, https://www.sqlite.org/rescode.html */
function lockFailure(error: unknown, home: Home): Refusal<LockRefusal> {
  if (!(error instanceof Error) || !("errcode" in error) || typeof error.errcode !== "number") throw error
  switch (error.errcode & 0xff) {
    case 5: // SQLITE_BUSY
      return refuse(
        "ALREADY_RUNNING",
        `a node runs on ${home.directory} already${pidText(home)}; use it, or stop it with \`keygrove down\``,
      )
    case 11: // SQLITE_CORRUPT
    case 26: // SQLITE_NOTADB
      return refuse("DATABASE_CORRUPT", `${home.lock} is damaged; it holds nothing: remove it while no node runs on this home`)
    case 13: // SQLITE_FULL
      return diskFull(home.lock, "SQLITE_FULL")
    default:
      return refuse(
        "HOME_UNWRITABLE",
        `${home.lock} cannot be locked (SQLite ${error.errcode}); check the permissions of the home directory`,
      )
  }
}

function pidText(home: Home): string {
  try {
    return ` (process ${readFileSync(home.pid, "utf8").trim()})`
  } catch {
    return ""
  }
}
