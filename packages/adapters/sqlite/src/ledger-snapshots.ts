import type { DatabaseSync, StatementSync } from "node:sqlite"
import { ok, refuse, unwrap, type Result } from "@keygrove/base"
import { decodeLedgerIndex, emptyHead, type LedgerIndex } from "@keygrove/ledger"
import type { CallOptions, LedgerFileRefusal, LedgerSnapshots } from "@keygrove/service"
import { inTransaction } from "./database.ts"
import type { DatabaseRefusal } from "./errors.ts"
import { toLedgerRefusal } from "./ledger-failure.ts"
import { whileBusy } from "./retry.ts"

/** Tables of snapshots, and of single facts about the file. */
export const SNAPSHOT_TABLES = `
CREATE TABLE snapshot (length INTEGER PRIMARY KEY, head BLOB NOT NULL) STRICT;
CREATE TABLE snapshot_chunk (length INTEGER NOT NULL, place INTEGER NOT NULL, bytes BLOB NOT NULL, PRIMARY KEY (length, place)) STRICT;
CREATE TABLE fact (name TEXT PRIMARY KEY, value ANY NOT NULL) STRICT, WITHOUT ROWID;
`

/** Snapshots that are kept: the newest, and the one before it should that be damaged. */
const KEPT_SNAPSHOTS = 2
/** Entries that are dropped in one transaction, so that the event loop goes on between. */
const PRUNED_AT_ONCE = 10_000

/** Runs work on the open file of a ledger; refuses when it is closed or fails. */
export type Attempt = <T, Code extends string>(work: () => Result<T, Code>) => Result<T, Code | DatabaseRefusal | "LEDGER_CORRUPT">

/** The snapshots in the file of an embedded ledger. */
export class SqliteLedgerSnapshots implements LedgerSnapshots {
  readonly #database: DatabaseSync
  readonly #attempt: Attempt
  readonly #selectHeads: StatementSync
  readonly #selectChunk: StatementSync
  readonly #insertChunk: StatementSync
  readonly #selectHashAt: StatementSync
  readonly #selectPruned: StatementSync

  /** @param attempt of the engine that owns the file. */
  constructor(database: DatabaseSync, attempt: Attempt) {
    this.#database = database
    this.#attempt = attempt
    this.#selectHeads = database.prepare("SELECT head FROM snapshot ORDER BY length DESC")
    this.#selectChunk = database.prepare("SELECT bytes FROM snapshot_chunk WHERE length = ? AND place = ?")
    this.#insertChunk = database.prepare("INSERT INTO snapshot_chunk (length, place, bytes) VALUES (?, ?, ?)")
    this.#selectHashAt = database.prepare("SELECT head FROM entry WHERE position = ?")
    this.#selectPruned = database.prepare("SELECT value FROM fact WHERE name = 'pruned'")
  }

  async heads({ signal }: CallOptions): Promise<Result<readonly Uint8Array[], LedgerFileRefusal>> {
    signal.throwIfAborted()
    return this.#run(() => ok(this.#selectHeads.all().flatMap(({ head }) => (head instanceof Uint8Array ? [head] : []))))
  }

  async chunk(length: LedgerIndex, place: number, { signal }: CallOptions): Promise<Result<Uint8Array, LedgerFileRefusal>> {
    signal.throwIfAborted()
    return this.#run(() => {
      const bytes = this.#selectChunk.get(length, place)?.bytes
      return bytes instanceof Uint8Array ? ok(bytes) : refuse("LEDGER_CORRUPT", `chunk ${place} of the snapshot at ${length} is missing`)
    })
  }

  async putChunk(length: LedgerIndex, place: number, chunk: Uint8Array, { signal }: CallOptions): Promise<Result<true, LedgerFileRefusal>> {
    return await this.#write(signal, () => {
      if (place === 0) {
        this.#database.prepare("DELETE FROM snapshot WHERE length = ?").run(length)
        this.#database.exec("DELETE FROM snapshot_chunk WHERE length NOT IN (SELECT length FROM snapshot)")
      }
      this.#insertChunk.run(length, place, chunk)
    })
  }

  async putHead(length: LedgerIndex, head: Uint8Array, { signal }: CallOptions): Promise<Result<true, LedgerFileRefusal>> {
    const isWhole = this.#run(() => ok(this.hasParts(length)))
    if (!isWhole.ok) return isWhole
    if (!isWhole.value) return refuse("LEDGER_UNREACHABLE", `another snapshot was begun before the one at ${length} was whole; try again`)
    return await this.#write(signal, () => this.writeHead(length, head))
  }

  /** Whether what was written of a snapshot is still there: beginning another one drops all of one that has no head yet. */
  hasParts(length: LedgerIndex): boolean {
    return this.#selectChunk.get(length, 0) !== undefined
  }

  /** {@link putHead} within a transaction of the engine. */
  writeHead(length: LedgerIndex, head: Uint8Array): void {
    this.#database.prepare("INSERT INTO snapshot (length, head) VALUES (?, ?)").run(length, head)
    this.#database.exec(
      `DELETE FROM snapshot WHERE length NOT IN (SELECT length FROM snapshot ORDER BY length DESC LIMIT ${KEPT_SNAPSHOTS});
       DELETE FROM snapshot_chunk WHERE length NOT IN (SELECT length FROM snapshot)`,
    )
  }

  /** Says that entries before an index are gone, within a transaction of the engine. */
  writePruned(before: LedgerIndex): void {
    this.#database
      .prepare("INSERT INTO fact (name, value) VALUES ('pruned', ?) ON CONFLICT (name) DO UPDATE SET value = max(value, excluded.value)")
      .run(before)
  }

  /** What {@link prunedTo} says, for the engine. */
  readPruned(): LedgerIndex {
    return unwrap(decodeLedgerIndex(this.#selectPruned.get()?.value ?? 0))
  }

  async headAt(length: LedgerIndex, { signal }: CallOptions): Promise<Result<Uint8Array, LedgerFileRefusal | "LEDGER_PRUNED">> {
    signal.throwIfAborted()
    if (length === 0) return ok(emptyHead().hash)
    const found = this.#run(() => ok(this.#selectHashAt.get(length - 1)?.head))
    if (!found.ok) return found
    return found.value instanceof Uint8Array
      ? ok(found.value)
      : refuse("LEDGER_PRUNED", `how the ledger stood after ${length} entries is not kept here`)
  }

  async prunedTo({ signal }: CallOptions): Promise<Result<LedgerIndex, LedgerFileRefusal>> {
    signal.throwIfAborted()
    return this.#run(() => ok(this.readPruned()))
  }

  async prune(before: LedgerIndex, kept: readonly LedgerIndex[], { signal }: CallOptions): Promise<Result<true, LedgerFileRefusal>> {
    // Said first: from now on some of them may be gone.
    const said = await this.#write(signal, () => this.writePruned(before))
    if (!said.ok) return said
    let place = 0
    for (let from = 0; from < before; from += PRUNED_AT_ONCE) {
      const end = Math.min(before, from + PRUNED_AT_ONCE)
      const first = place
      while ((kept[place] ?? end) < end) place++
      const dropped = await this.#write(signal, () => this.#drop(from, end, kept.slice(first, place)))
      if (!dropped.ok) return dropped
    }
    // Gives the space back to the disk, where there is enough of it to write the file anew; else what comes next takes it.
    const compacted = this.#run(() => {
      this.#database.exec("VACUUM")
      return ok(true)
    })
    return compacted.ok || compacted.code !== "LEDGER_CORRUPT" ? ok(true) : compacted
  }

  #drop(from: number, end: number, kept: readonly LedgerIndex[]): void {
    const update = this.#database.prepare("UPDATE entry SET bytes = x'' WHERE position >= ? AND position < ? AND length(bytes) > 0")
    let start = from
    for (const index of kept) {
      update.run(start, index)
      start = index + 1
    }
    update.run(start, end)
  }

  async #write(signal: AbortSignal, work: () => void): Promise<Result<true, LedgerFileRefusal>> {
    const written = await whileBusy<true, DatabaseRefusal | "LEDGER_CORRUPT">(signal, () =>
      this.#attempt(() =>
        inTransaction(this.#database, () => {
          work()
          return ok(true)
        }),
      ),
    )
    return written.ok ? written : toLedgerRefusal(written)
  }

  #run<T>(work: () => Result<T, "LEDGER_CORRUPT">): Result<T, LedgerFileRefusal> {
    const done = this.#attempt(work)
    return done.ok ? done : toLedgerRefusal(done)
  }
}
