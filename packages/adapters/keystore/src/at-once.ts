import type { DatabaseSync } from "node:sqlite"

/**
 * Does `work` in one transaction that takes the write lock at once, durably; rolls back when it throws. What it deletes or replaces is overwritten on the disk, and gone from the journal
 * afterwards, unless another process reads in it just then: the next change or start empties it.
 */
export function atOnce<T>(database: DatabaseSync, work: () => T): T {
  database.exec("PRAGMA secure_delete = ON; BEGIN IMMEDIATE")
  let result: T
  try {
    result = work()
    database.exec("COMMIT")
  } finally {
    // Also after a COMMIT that failed: SQLite then leaves the transaction open.
    if (database.isTransaction) database.exec("ROLLBACK")
  }
  database.exec("PRAGMA wal_checkpoint(TRUNCATE)")
  return result
}
