import { decodeCanonical, encodeCanonical, equalConstantTime, ok, refuse, type Refusal, type Result } from "@keygrove/base"
import { encodeInfo, type Primitives } from "@keygrove/crypto"
import type { VaultSecrets } from "@keygrove/hierarchy"
import { decodeKeyEntry, decodeKeyId, keyEntryValue, type KeyEntry, type KeyId } from "@keygrove/keys"
import type { KeyRecords } from "./key-records.ts"
import type { DatabaseSync, SQLOutputValue, StatementSync } from "node:sqlite"

/** What changes beside the public side of a key, in the same breath. */
export interface RecordChange {
  /** A new version, and what its backend gave to be kept. */
  readonly added?: { readonly version: number; readonly handle: Uint8Array }
  /** Versions destroyed just now. */
  readonly gone?: readonly number[]
  /** Whether the backend keeps secrets elsewhere: what is gone is pending then until it is gone there too. */
  readonly isOutside?: boolean
}

/** A version that an outside backend may hold and that no record stands for. */
export interface PendingKey {
  readonly id: KeyId
  readonly version: number
}

/** Longest encoded public side of a key. */
export const MAX_ENTRY_BYTES = 1_048_576
/** Entries kept decoded, so that a key in use is not read and checked again for every signature. */
const CACHE_ENTRIES = 1_024
/** Longest slice of the list, in bytes of its entries: an answer has to fit a frame. One entry has at most half of a MiB. */
const MAX_SLICE_BYTES = 524_288

/**
 * Named keys at rest: public sides in the open but authenticated, so that nobody with the file can enable a key or widen its rules; beside them what the
 * backends gave to be kept, such as sealed secrets. Borrows the database and the vault's secrets.
 */
export class VaultRecords implements KeyRecords {
  readonly #database: DatabaseSync
  readonly #primitives: Primitives
  readonly #secrets: VaultSecrets
  readonly #cache: Map<string, KeyEntry> = new Map()
  readonly #findEntry: StatementSync
  readonly #findSecret: StatementSync
  readonly #listEntries: StatementSync

  constructor(database: DatabaseSync, primitives: Primitives, secrets: VaultSecrets) {
    this.#database = database
    this.#primitives = primitives
    this.#secrets = secrets
    // What is deleted is overwritten, not only unlinked; a crash in the middle of a destruction has left the old page in the journal.
    database.exec("PRAGMA secure_delete = ON; PRAGMA wal_checkpoint(TRUNCATE)")
    this.#findEntry = database.prepare("SELECT entry, proof FROM named_key WHERE id = ?")
    this.#listEntries = database.prepare("SELECT id, entry, proof FROM named_key WHERE id > ? ORDER BY id LIMIT ?")
    this.#findSecret = database.prepare("SELECT sealed FROM key_secret WHERE id = ? AND version = ?")
  }

  /** The public side of a key. */
  find(id: KeyId): Result<KeyEntry, "KEY_UNKNOWN" | "KEY_RECORD_INVALID"> {
    const known = this.#cache.get(id)
    if (known !== undefined) return ok(known)
    const row = this.#findEntry.get(id)
    if (row === undefined) return refuse("KEY_UNKNOWN", `the keystore has no key ${id}; see \`keygrove key list\``)
    const entry = this.#decode(id, row)
    if (entry.ok) this.#remember(entry.value)
    return entry
  }

  /** Public sides of keys in the order of their ids; fewer than `limit` when they are long, none only at the end. */
  list(after: KeyId | undefined, limit: number): Result<readonly KeyEntry[], "KEY_RECORD_INVALID"> {
    const entries: KeyEntry[] = []
    let bytes = 0
    for (const row of this.#listEntries.iterate(after ?? "", limit)) {
      const entry = this.#decode(String(row["id"]), row)
      if (!entry.ok) return entry
      bytes += row["entry"] instanceof Uint8Array ? row["entry"].length : 0
      if (entries.length > 0 && bytes > MAX_SLICE_BYTES) break
      entries.push(entry.value)
    }
    return ok(entries)
  }

  /** Stores the public side and what changed with it; all or nothing, durably. */
  put(entry: KeyEntry, { added, gone = [], isOutside = false }: RecordChange = {}): void {
    const bytes = encodeCanonical(keyEntryValue(entry))
    this.#cache.delete(entry.id)
    this.#atOnce(() => {
      this.#run(
        "INSERT INTO named_key (id, entry, proof) VALUES (?, ?, ?) ON CONFLICT (id) DO UPDATE SET entry = excluded.entry, proof = excluded.proof",
        entry.id,
        bytes,
        this.#prove(entry.id, bytes),
      )
      if (added !== undefined) {
        this.#run("INSERT INTO key_secret (id, version, sealed) VALUES (?, ?, ?)", entry.id, added.version, added.handle)
        this.#run("DELETE FROM key_pending WHERE id = ? AND version = ?", entry.id, added.version)
      }
      for (const version of gone) {
        this.#run("DELETE FROM key_secret WHERE id = ? AND version = ?", entry.id, version)
        if (isOutside) this.#run("INSERT OR IGNORE INTO key_pending (id, version) VALUES (?, ?)", entry.id, version)
      }
    })
    // The journal still has the old page.
    if (gone.length > 0) this.#database.exec("PRAGMA wal_checkpoint(TRUNCATE)")
  }

  /** What the backend gave to be kept for a version; empty when it is lost, which only the backend can tell. */
  handle({ id }: KeyEntry, version: number): Uint8Array {
    const handle = this.#findSecret.get(id, version)?.["sealed"]
    return handle instanceof Uint8Array ? handle : new Uint8Array(0)
  }

  /** Writes down, before an outside backend makes a version, that it may be there. */
  announce({ id, version }: PendingKey): void {
    this.#atOnce(() => this.#run("INSERT OR IGNORE INTO key_pending (id, version) VALUES (?, ?)", id, version))
  }

  /** Versions that outside backends may hold and no record stands for. */
  pending(): readonly PendingKey[] {
    return this.#database
      .prepare("SELECT id, version FROM key_pending ORDER BY id, version")
      .all()
      .flatMap(({ id, version }) => {
        const decoded = decodeKeyId(id)
        return decoded.ok && typeof version === "number" ? [{ id: decoded.value, version }] : []
      })
  }

  /** Writes down that an outside backend does not hold a version. */
  settle({ id, version }: PendingKey): void {
    this.#atOnce(() => this.#run("DELETE FROM key_pending WHERE id = ? AND version = ?", id, version))
  }

  #run(sql: string, ...values: (string | number | Uint8Array)[]): void {
    this.#database.prepare(sql).run(...values)
  }

  #atOnce(work: () => void): void {
    this.#database.exec("BEGIN IMMEDIATE")
    try {
      work()
      this.#database.exec("COMMIT")
    } finally {
      if (this.#database.isTransaction) this.#database.exec("ROLLBACK")
    }
  }

  #decode(id: string, row: Record<string, SQLOutputValue>): Result<KeyEntry, "KEY_RECORD_INVALID"> {
    const { entry, proof } = row
    if (!(entry instanceof Uint8Array) || !(proof instanceof Uint8Array)) return corrupt(id)
    if (!equalConstantTime(proof, this.#prove(id, entry))) return corrupt(id)
    const value = decodeCanonical(entry, MAX_ENTRY_BYTES)
    return value.ok ? decodeKeyEntry(value.value) : corrupt(id)
  }

  #remember(entry: KeyEntry): void {
    const [oldest] = this.#cache.keys()
    if (this.#cache.size >= CACHE_ENTRIES && oldest !== undefined) this.#cache.delete(oldest)
    this.#cache.set(entry.id, entry)
  }

  #prove(id: string, entry: Uint8Array): Uint8Array {
    return proveEntry(this.#primitives, this.#secrets, id, entry)
  }
}

/** What shows that a vault wrote the public side of a key: HMAC-SHA-256, 32 bytes. */
export function proveEntry(primitives: Primitives, { authentication }: VaultSecrets, id: string, entry: Uint8Array): Uint8Array {
  return primitives.hmacSha256(authentication, encodeInfo(["keygrove/v1/key-entry", id, entry]))
}

function corrupt(id: string): Refusal<"KEY_RECORD_INVALID"> {
  return refuse("KEY_RECORD_INVALID", `the record of key ${id} was changed; restore the home directory from a backup`)
}
