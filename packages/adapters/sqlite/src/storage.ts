import type { DatabaseSync, StatementSync } from "node:sqlite"
import { decodeCanonical, ok, refuse, type CborValue, type Refusal, type Result } from "@keygrove/base"
import {
  assertStorageKey,
  assertStorageLimit,
  encodeStorageChanges,
  MAX_STORAGE_RECORD_BYTES,
  type CallOptions,
  type Storage,
  type StorageChange,
  type StorageCollection,
  type StorageRecord,
  type StorageRefusal,
} from "@keygrove/service"
import { inTransaction, openDatabase } from "./database.ts"
import type { DatabaseRefusal } from "./errors.ts"
import { databaseFailure } from "./failure.ts"
import { whileBusy } from "./retry.ts"

export interface SqliteStorageOptions {
  readonly path: string
  /** Largest size of the file in bytes; unlimited by default. */
  readonly maxBytes?: number
}

/** "KGND" */
const APPLICATION_ID = 0x4b474e44
const MIGRATIONS = [
  "CREATE TABLE record (collection TEXT NOT NULL, key TEXT NOT NULL, value BLOB NOT NULL, PRIMARY KEY (collection, key)) STRICT",
]

/** The Storage port over one SQLite file (`node.db`); a write is one durable transaction. */
export class SqliteStorage implements Storage {
  readonly #path: string
  readonly #database: DatabaseSync
  readonly #select: StatementSync
  readonly #selectPage: StatementSync
  readonly #put: StatementSync
  readonly #remove: StatementSync
  #open = true

  private constructor(path: string, database: DatabaseSync) {
    this.#path = path
    this.#database = database
    this.#select = database.prepare("SELECT value FROM record WHERE collection = ? AND key = ?")
    this.#selectPage = database.prepare("SELECT key, value FROM record WHERE collection = ? AND key > ? ORDER BY key LIMIT ?")
    this.#put = database.prepare(
      "INSERT INTO record (collection, key, value) VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET value = excluded.value",
    )
    this.#remove = database.prepare("DELETE FROM record WHERE collection = ? AND key = ?")
  }

  /** Opens or creates the file. */
  static open(options: SqliteStorageOptions): Result<SqliteStorage, DatabaseRefusal | "STORAGE_CORRUPT"> {
    const file = { path: options.path, applicationId: APPLICATION_ID, migrations: MIGRATIONS }
    const database = openDatabase(options.maxBytes === undefined ? file : { ...file, maxBytes: options.maxBytes })
    if (!database.ok)
      return database.code === "DATABASE_CORRUPT" ? refuse("STORAGE_CORRUPT", `${database.message}; restore it from a backup`) : database
    try {
      return ok(new SqliteStorage(options.path, database.value))
    } catch (error) {
      database.value.close()
      return databaseFailure(error, options.path)
    }
  }

  async get(collection: StorageCollection, key: string, { signal }: CallOptions): Promise<Result<CborValue | undefined, StorageRefusal>> {
    signal.throwIfAborted()
    assertStorageKey(key)
    return toStorageRefusal(
      this.#attempt(() => {
        const row = this.#select.get(collection, key)
        return row === undefined ? ok(undefined) : this.#decode(row.value)
      }),
    )
  }

  async list(
    collection: StorageCollection,
    range: { readonly after?: string; readonly limit: number },
    { signal }: CallOptions,
  ): Promise<Result<readonly StorageRecord[], StorageRefusal>> {
    signal.throwIfAborted()
    assertStorageLimit(range.limit)
    return toStorageRefusal(this.#attempt(() => this.#readPage(collection, range.after ?? "", range.limit)))
  }

  async write(changes: readonly StorageChange[], { signal }: CallOptions): Promise<Result<true, StorageRefusal>> {
    signal.throwIfAborted()
    const encoded = encodeStorageChanges(changes)
    if (changes.length === 0) return ok(true)
    return toStorageRefusal(
      await whileBusy<true, StorageRefusal | DatabaseRefusal>(signal, () => this.#attempt(() => this.#apply(changes, encoded))),
    )
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (!this.#open) return
    this.#open = false
    this.#database.close()
  }

  #apply(changes: readonly StorageChange[], encoded: readonly (Uint8Array | undefined)[]): Result<true, never> {
    return inTransaction(this.#database, () => {
      for (const [index, change] of changes.entries()) {
        const bytes = encoded[index]
        if (bytes === undefined) this.#remove.run(change.collection, change.key)
        else this.#put.run(change.collection, change.key, bytes)
      }
      return ok<true>(true)
    })
  }

  #readPage(collection: StorageCollection, after: string, limit: number): Result<readonly StorageRecord[], "STORAGE_CORRUPT"> {
    const records: StorageRecord[] = []
    for (const row of this.#selectPage.iterate(collection, after, limit)) {
      const value = this.#decode(row.value)
      if (!value.ok) return value
      if (typeof row.key !== "string") return refuse("STORAGE_CORRUPT", `${this.#path}: a key is not text; restore it from a backup`)
      records.push({ key: row.key, value: value.value })
    }
    return ok(records)
  }

  #decode(value: unknown): Result<CborValue, "STORAGE_CORRUPT"> {
    const decoded = value instanceof Uint8Array ? decodeCanonical(value, MAX_STORAGE_RECORD_BYTES) : undefined
    return decoded?.ok === true ? decoded : refuse("STORAGE_CORRUPT", `${this.#path}: a record is damaged; restore it from a backup`)
  }

  #attempt<T, Code extends string>(work: () => Result<T, Code>): Result<T, Code | DatabaseRefusal> {
    if (!this.#open) return refuse("DATABASE_FAILED", `${this.#path} was closed`)
    try {
      return work()
    } catch (error) {
      return databaseFailure(error, this.#path)
    }
  }
}

function toStorageRefusal<T>(result: Result<T, StorageRefusal | DatabaseRefusal>): Result<T, StorageRefusal> {
  if (result.ok) return result
  return refuse(storageCode(result), result.message, result.data)
}

function storageCode({ code }: Refusal<StorageRefusal | DatabaseRefusal>): StorageRefusal {
  if (code === "DATABASE_CORRUPT") return "STORAGE_CORRUPT"
  return code === "STORAGE_CORRUPT" || code === "DISK_FULL" ? code : "STORAGE_FAILED"
}
