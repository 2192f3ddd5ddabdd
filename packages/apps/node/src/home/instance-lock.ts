import { readFileSync, rmSync, writeFileSync } from "node:fs"
import { DatabaseSync } from "node:sqlite"
import { ok, refuse, type Result } from "@keygrove/base"
import type { Home } from "./home.ts"

/**
 * Holds the home for this process: an exclusive lock that the system drops when the process ends, however it ends. SQLite takes it, because Node has no
 * file locks of its own. The pid file is for people only.
 */
export function lockHome(home: Home): Result<Disposable, "ALREADY_RUNNING"> {
  const database = new DatabaseSync(home.lock, { timeout: 0 })
  try {
    database.exec("PRAGMA locking_mode = EXCLUSIVE; BEGIN EXCLUSIVE; CREATE TABLE IF NOT EXISTS held (pid INTEGER); COMMIT")
  } catch (error) {
    database.close()
    if (!(error instanceof Error) || !("errcode" in error)) throw error
    return refuse("ALREADY_RUNNING", `a node runs on ${home.directory} already${pidText(home)}; use it, or stop it with \`keygrove down\``)
  }
  writeFileSync(home.pid, `${process.pid}\n`, { mode: 0o600 })
  return ok({
    [Symbol.dispose]: () => {
      rmSync(home.pid, { force: true })
      database.close()
    },
  })
}

function pidText(home: Home): string {
  try {
    return ` (process ${readFileSync(home.pid, "utf8").trim()})`
  } catch {
    return ""
  }
}
