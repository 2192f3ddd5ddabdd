import type { DatabaseSync, StatementSync } from "node:sqlite"
import { KeygroveError, ok, refuse, type Refusal, type Result } from "@keygrove/base"
import type { Primitives } from "@keygrove/crypto"
import {
  checkBatch,
  decodeLedgerIndex,
  emptyHead,
  isSameHead,
  MAX_SLICE_BYTES,
  MAX_SLICE_ENTRIES,
  nextHead,
  type BatchHeads,
  type LedgerHead,
  type LedgerIndex,
} from "@keygrove/ledger"
import {
  Wakeup,
  watchLog,
  type AppendOptions,
  type AppendRefusal,
  type CallOptions,
  type LedgerEngine,
  type LedgerSlice,
  type ReadRefusal,
  type RefreshRefusal,
  type WatchOptions,
  type SnapshotStart,
  type StartableCopy,
} from "@keygrove/service"
import { inTransaction, openDatabase } from "./database.ts"
import type { DatabaseRefusal } from "./errors.ts"
import { databaseFailure } from "./failure.ts"
import { toLedgerRefusal } from "./ledger-failure.ts"
import { SqliteLedgerSeal } from "./ledger-seal.ts"
import { SNAPSHOT_TABLES, SqliteLedgerSnapshots, type Attempt } from "./ledger-snapshots.ts"
import { whileBusy } from "./retry.ts"
import { WalFlush } from "./wal-flush.ts"

export interface EmbeddedLedgerOptions {
  readonly path: string
  readonly primitives: Pick<Primitives, "sha256" | "ed25519">
  /** Largest size of the file in bytes; unlimited by default. */
  readonly maxBytes?: number
  /**
   * For a copy of a ledger that is durable elsewhere: appends do not wait for the disk, to which they are brought at once in the background. A power cut may leave it short of
   * what came last; the end of the process takes nothing away.
   */
  readonly flushesLater?: boolean
}

/** "KGLG" */
const APPLICATION_ID = 0x4b474c47
const MIGRATIONS = [
  "CREATE TABLE entry (position INTEGER PRIMARY KEY, bytes BLOB NOT NULL, head BLOB NOT NULL) STRICT",
  // Since then an entry without bytes is one that was dropped.
  SNAPSHOT_TABLES,
]

/**
 * The embedded ledger engine: one SQLite file of one node. `head` of a row is the head after its entry. A batch is one transaction with a
 * compare-and-swap on the head; it blocks the event loop for one write to the disk.
 */
export class EmbeddedLedgerEngine implements LedgerEngine, StartableCopy {
  readonly #path: string
  readonly #primitives: Pick<Primitives, "sha256" | "ed25519">
  readonly #database: DatabaseSync
  readonly #selectLast: StatementSync
  readonly #selectHead: StatementSync
  readonly #selectSlice: StatementSync
  readonly #insert: StatementSync
  readonly #selectNext: StatementSync
  /** In the same file; they end with the engine. */
  readonly snapshots: SqliteLedgerSnapshots
  /** Of the file, where it is the ledger and not a copy. */
  readonly seal: SqliteLedgerSeal
  /** Of a copy that flushes later. */
  readonly #flush: WalFlush | undefined
  readonly #appended = new Wakeup()
  /** After the last write of this engine. */
  #length: LedgerIndex | undefined
  readonly #closed = new AbortController()

  private constructor(options: EmbeddedLedgerOptions, database: DatabaseSync) {
    this.#path = options.path
    this.#primitives = options.primitives
    this.#database = database
    this.#flush = options.flushesLater === true ? new WalFlush(options.path) : undefined
    this.#selectLast = database.prepare("SELECT position, head FROM entry ORDER BY position DESC LIMIT 1")
    this.#selectHead = database.prepare("SELECT head FROM entry WHERE position = ?")
    this.#selectSlice = database.prepare("SELECT position, bytes FROM entry WHERE position >= ? ORDER BY position LIMIT ?")
    this.#insert = database.prepare("INSERT INTO entry (position, bytes, head) VALUES (?, ?, ?)")
    this.#selectNext = database.prepare(
      "SELECT position FROM entry WHERE position > ? AND position < ? AND length(bytes) > 0 ORDER BY position LIMIT 1",
    )
    const attempt: Attempt = (work) => this.#attempt(work)
    this.snapshots = new SqliteLedgerSnapshots(database, attempt)
    this.seal = new SqliteLedgerSeal(database, attempt, (expected) => this.#compare(expected))
  }

  /** Opens or creates the file. Entries are verified when they are read by the replica, not here. */
  static open(options: EmbeddedLedgerOptions): Result<EmbeddedLedgerEngine, DatabaseRefusal | "LEDGER_CORRUPT"> {
    const { flushesLater = false, maxBytes, path } = options
    const file = { path, applicationId: APPLICATION_ID, migrations: MIGRATIONS, flushesLater }
    const database = openDatabase(maxBytes === undefined ? file : { ...file, maxBytes })
    if (!database.ok) return asLedgerRefusal(database)
    try {
      const engine = new EmbeddedLedgerEngine(options, database.value)
      engine.#readHead()
      return ok(engine)
    } catch (error) {
      database.value.close()
      return asLedgerRefusal(asRefusal(error, options.path))
    }
  }

  /** @throws KeygroveError when the file cannot be read. */
  async head({ signal }: CallOptions): Promise<LedgerHead> {
    signal.throwIfAborted()
    const head = this.#attempt(() => ok(this.#readHead()))
    if (head.ok) return head.value
    throw new KeygroveError(head.code, head.message, head.data === undefined ? {} : { data: head.data })
  }

  async read(from: LedgerIndex, limit: number, { signal }: CallOptions): Promise<Result<LedgerSlice, ReadRefusal>> {
    signal.throwIfAborted()
    const slice = this.#attempt(() => this.#readSlice(from, limit))
    if (slice.ok) return slice
    if (slice.code === "LEDGER_PRUNED") return refuse("LEDGER_PRUNED", slice.message, slice.data)
    return refuse(slice.code === "LEDGER_CORRUPT" ? "LEDGER_CORRUPT" : "LEDGER_UNREACHABLE", slice.message)
  }

  async append(
    batch: readonly Uint8Array[],
    expected: LedgerHead,
    { signal, verified }: AppendOptions,
  ): Promise<Result<LedgerHead, AppendRefusal>> {
    signal.throwIfAborted()
    // What is verified is compared by the transaction alone.
    const current = verified === undefined ? this.#attempt(() => this.#compare(expected)) : ok(true)
    if (!current.ok) return toLedgerRefusal(current)
    // Outside the transaction: signatures take far longer than the write, and hold for `expected` or not at all.
    const heads = checkBatch(this.#primitives, expected, batch, verified)
    if (!heads.ok) return heads
    const written = await whileBusy<LedgerHead, AppendRefusal | DatabaseRefusal>(signal, () =>
      this.#attempt(() => this.#write(batch, heads.value, expected)),
    )
    if (!written.ok) return toLedgerRefusal(written)
    this.#wrote(written.value.length)
    return written
  }

  async startFrom(start: SnapshotStart, { signal }: CallOptions): Promise<Result<true, AppendRefusal>> {
    signal.throwIfAborted()
    const written = await whileBusy<true, AppendRefusal | DatabaseRefusal>(signal, () => this.#attempt(() => this.#writeStart(start)))
    if (!written.ok) return toLedgerRefusal(written)
    this.#wrote(start.head.length)
    return written
  }

  async refresh({ signal }: CallOptions): Promise<Result<true, RefreshRefusal>> {
    signal.throwIfAborted()
    return ok(true)
  }

  watch(from: LedgerIndex, options: WatchOptions): AsyncIterable<LedgerSlice> {
    const log = { engine: this, appended: this.#appended, length: () => this.#length }
    return watchLog(log, from, { ...options, signal: AbortSignal.any([options.signal, this.#closed.signal]) })
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#closed.signal.aborted) return
    this.#closed.abort()
    this.#flush?.[Symbol.dispose]()
    this.#database.close()
  }

  #wrote(length: LedgerIndex): void {
    this.#length = length
    this.#appended.wake()
    this.#flush?.begin()
  }

  #write(batch: readonly Uint8Array[], heads: BatchHeads, expected: LedgerHead): Result<LedgerHead, AppendRefusal> {
    return inTransaction(this.#database, () => {
      const same = this.#compare(expected)
      if (!same.ok) return same
      let last = expected
      for (const [offset, bytes] of batch.entries()) {
        last = heads[offset] ?? last
        this.#insert.run(expected.length + offset, bytes, last.hash)
      }
      return ok(last)
    })
  }

  #writeStart({ expected, head, kept, signed }: SnapshotStart): Result<true, AppendRefusal> {
    return inTransaction(this.#database, () => {
      const same = this.#compare(expected)
      if (!same.ok) return same
      if (!this.snapshots.hasParts(head.length))
        return refuse("LEDGER_UNREACHABLE", `the parts of the snapshot at ${head.length} are not there any more; they are asked for again`)
      const mark = this.#database.prepare("INSERT OR IGNORE INTO entry (position, bytes, head) VALUES (?, x'', ?)")
      for (const { before, entries, from } of kept) {
        // How the log stood before an entry is needed to give it to others.
        if (from > expected.length) mark.run(from - 1, before)
        let last: LedgerHead = { length: from, hash: before }
        for (const bytes of entries) {
          const position = last.length
          last = nextHead(this.#primitives, last, bytes)
          this.#insert.run(position, bytes, last.hash)
        }
      }
      mark.run(head.length - 1, head.hash)
      if (!isSameHead(this.#readHead(), head))
        return refuse("LEDGER_CORRUPT", `what is kept before entry ${head.length} does not lead to it`)
      this.snapshots.writeHead(head.length, signed)
      this.snapshots.writePruned(head.length)
      return ok(true)
    })
  }

  #compare(expected: LedgerHead): Result<true, "LEDGER_HEAD_MOVED"> {
    const head = this.#readHead()
    if (isSameHead(head, expected)) return ok(true)
    return refuse("LEDGER_HEAD_MOVED", `the ledger has ${head.length} entries, not ${expected.length}, or another history`)
  }

  #readHead(): LedgerHead {
    const row = this.#selectLast.get()
    if (row === undefined) return emptyHead()
    const length = typeof row.position === "number" ? decodeLedgerIndex(row.position + 1) : undefined
    if (length === undefined || !length.ok) throw this.#corrupt("its last entry has no index")
    return { length: length.value, hash: this.#hash(row.head) }
  }

  #readSlice(from: LedgerIndex, limit: number): Result<LedgerSlice, "LEDGER_PRUNED"> {
    const entries: Uint8Array[] = []
    let size = 0
    for (const row of this.#selectSlice.iterate(from, Math.min(limit, MAX_SLICE_ENTRIES))) {
      const index = from + entries.length
      const isThere = row.position === index
      if ((!isThere && index >= this.snapshots.readPruned()) || !(row.bytes instanceof Uint8Array))
        throw this.#corrupt(`entry ${index} is missing`)
      const isDropped = !isThere || row.bytes.length === 0
      if (isDropped && entries.length === 0) return this.#pruned(from, limit)
      if (isDropped) break
      size += row.bytes.length
      if (entries.length > 0 && size > MAX_SLICE_BYTES) break
      entries.push(row.bytes)
    }
    return ok({ from, before: this.#hashBefore(from), entries })
  }

  #pruned(from: LedgerIndex, limit: number): Refusal<"LEDGER_PRUNED"> {
    const end = from + Math.min(limit, MAX_SLICE_ENTRIES)
    const next = this.#selectNext.get(from, end)?.position
    return refuse(
      "LEDGER_PRUNED",
      `${this.#path}: entry ${from} was dropped by \`keygrove ledger snapshot --prune\`; ask a node that keeps the whole ledger`,
      { next: typeof next === "number" ? next : end },
    )
  }

  #hashBefore(from: LedgerIndex): Uint8Array {
    if (from === 0) return emptyHead().hash
    const row = this.#selectHead.get(from - 1)
    return row === undefined ? this.#readHead().hash : this.#hash(row.head)
  }

  #hash(value: unknown): Uint8Array {
    if (value instanceof Uint8Array && value.length === 32) return value
    throw this.#corrupt("a head hash has not 32 bytes")
  }

  #corrupt(what: string): KeygroveError {
    return new KeygroveError("LEDGER_CORRUPT", `${this.#path}: ${what}; restore it from a backup`)
  }

  #attempt<T, Code extends string>(work: () => Result<T, Code>): Result<T, Code | DatabaseRefusal | "LEDGER_CORRUPT"> {
    if (this.#closed.signal.aborted) return refuse("DATABASE_FAILED", `${this.#path} was closed`)
    try {
      return work()
    } catch (error) {
      return asLedgerRefusal(asRefusal(error, this.#path))
    }
  }
}

function asRefusal(error: unknown, path: string): Refusal<DatabaseRefusal | "LEDGER_CORRUPT"> {
  if (error instanceof KeygroveError && error.code === "LEDGER_CORRUPT") return refuse("LEDGER_CORRUPT", error.message)
  return databaseFailure(error, path)
}

function asLedgerRefusal<Code extends string>(refusal: Refusal<Code>): Refusal<Code | "LEDGER_CORRUPT"> {
  return refusal.code === "DATABASE_CORRUPT" ? refuse("LEDGER_CORRUPT", `${refusal.message}; restore it from a backup`) : refusal
}
