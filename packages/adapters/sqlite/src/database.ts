import { chmodSync, closeSync, openSync } from "node:fs"
import { DatabaseSync } from "node:sqlite"
import { ok, refuse, type Result } from "@keygrove/base"
import type { DatabaseRefusal } from "./errors.ts"
import { databaseFailure } from "./failure.ts"

/** What a database file is for and how it came to its shape. */
export interface DatabaseFile {
  readonly path: string
  /** SQLite's `application_id`: another one is another program's file. */
  readonly applicationId: number
  /** SQL of each schema version, from 1; never changed once released, only added to. */
  readonly migrations: readonly string[]
  /** Largest size of the file in bytes; writes beyond are refused with `DISK_FULL`. Unlimited by default. */
  readonly maxBytes?: number
  /** A committed transaction survives the end of the process, but a power cut only once it was flushed: for what can be had again from elsewhere. */
  readonly flushesLater?: boolean
}

/** How long SQLite itself waits for another process's lock. It blocks the event loop, so it is short; callers retry. */
const BUSY_TIMEOUT_MS = 100
const PAGE_BYTES = 4096

/**
 * Opens or creates a database of ours: mode 0600, WAL, synchronous FULL (a committed transaction survives power loss) unless it flushes later, migrated to the newest version.
 * The caller closes it.
 */
export function openDatabase(file: DatabaseFile): Result<DatabaseSync, DatabaseRefusal> {
  using opening = new DisposableStack()
  try {
    // SQLite would create it with the umask's mode; its journal files take the mode of this one.
    closeSync(openSync(file.path, "a", 0o600))
    chmodSync(file.path, 0o600)
    const database = new DatabaseSync(file.path, {
      timeout: BUSY_TIMEOUT_MS,
      enableForeignKeyConstraints: true,
      enableDoubleQuotedStringLiterals: false,
    })
    opening.adopt(database, (open) => open.close())
    const prepared = prepareSchema(database, file)
    if (!prepared.ok) return prepared
    opening.move()
    return ok(database)
  } catch (error) {
    return databaseFailure(error, file.path)
  }
}

/** Runs `work` in one transaction that takes the write lock at once; rolls back when it throws or refuses. */
export function inTransaction<T, Code extends string>(database: DatabaseSync, work: () => Result<T, Code>): Result<T, Code> {
  database.exec("BEGIN IMMEDIATE")
  try {
    const result = work()
    if (!result.ok) return result
    database.exec("COMMIT")
    return result
  } finally {
    // Also after a COMMIT that failed: SQLite then leaves the transaction open.
    if (database.isTransaction) database.exec("ROLLBACK")
  }
}

function prepareSchema(database: DatabaseSync, file: DatabaseFile): Result<true, DatabaseRefusal> {
  const applicationId = readNumber(database, "PRAGMA application_id")
  const isNew = applicationId === 0 && readNumber(database, "SELECT count(*) FROM sqlite_schema") === 0
  if (!isNew && applicationId !== file.applicationId) {
    return refuse("DATABASE_FOREIGN", `${file.path} is a database of another program (application id ${applicationId}); move it away`)
  }
  const synchronous = file.flushesLater === true ? "NORMAL" : "FULL"
  database.exec(`PRAGMA journal_mode = WAL; PRAGMA synchronous = ${synchronous}; PRAGMA trusted_schema = OFF`)
  if (file.maxBytes !== undefined) database.exec(`PRAGMA max_page_count = ${Math.max(1, Math.floor(file.maxBytes / PAGE_BYTES))}`)
  return inTransaction(database, () => migrate(database, file))
}

function migrate(database: DatabaseSync, file: DatabaseFile): Result<true, DatabaseRefusal> {
  database.exec(`PRAGMA application_id = ${file.applicationId}`)
  database.exec("CREATE TABLE IF NOT EXISTS migration (version INTEGER PRIMARY KEY) STRICT")
  const version = readNumber(database, "SELECT coalesce(max(version), 0) FROM migration")
  if (version > file.migrations.length) {
    return refuse("DATABASE_VERSION", `${file.path} has schema version ${version}; this program knows ${file.migrations.length}: update it`)
  }
  for (const [offset, sql] of file.migrations.slice(version).entries()) {
    database.exec(sql)
    database.prepare("INSERT INTO migration (version) VALUES (?)").run(version + offset + 1)
  }
  return ok(true)
}

function readNumber(database: DatabaseSync, sql: string): number {
  const row = database.prepare(sql).get()
  const value = row === undefined ? undefined : Object.values(row)[0]
  return typeof value === "number" ? value : 0
}
