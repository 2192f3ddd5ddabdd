import {
  decodeCanonical,
  encodeCanonical,
  equalConstantTime,
  ok,
  refuse,
  Secret,
  type RandomBytes,
  type Refusal,
  type Result,
} from "@keygrove/base"
import { encodeInfo, type Primitives } from "@keygrove/crypto"
import type { VaultSecrets } from "@keygrove/hierarchy"
import { decodeKeyEntry, keyEntryValue, type KeyEntry, type KeyId } from "@keygrove/keys"
import type { DatabaseSync, SQLOutputValue, StatementSync } from "node:sqlite"

/** What the records need of their platform. */
export interface VaultTools {
  readonly primitives: Primitives
  readonly random: RandomBytes
}

/** A fresh secret of one version of a key; the record borrows it. */
export interface NewSecret {
  readonly version: number
  readonly secret: Secret
}

const NONCE_BYTES = 24
const MAX_ENTRY_BYTES = 1_048_576
/** Entries kept decoded, so that a key in use is not read and checked again for every signature. */
const CACHE_ENTRIES = 1_024
/** Longest slice of the list, in bytes of its entries: an answer has to fit a frame. One entry has at most half of a MiB. */
const MAX_SLICE_BYTES = 524_288

/**
 * Named keys at rest: public sides in the open but authenticated, so that nobody with the file can enable a key or widen its rules; secrets sealed, each
 * bound to its key, type, version and public part. Borrows the database and the vault's secrets.
 */
export class VaultRecords {
  readonly #database: DatabaseSync
  readonly #tools: VaultTools
  readonly #secrets: VaultSecrets
  readonly #cache: Map<string, KeyEntry> = new Map()
  readonly #findEntry: StatementSync
  readonly #findSecret: StatementSync
  readonly #listEntries: StatementSync

  constructor(database: DatabaseSync, tools: VaultTools, secrets: VaultSecrets) {
    this.#database = database
    this.#tools = tools
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

  /** Stores the public side and, when there is one, the secret of a new version; both or nothing, durably. */
  put(entry: KeyEntry, added?: NewSecret): void {
    const bytes = encodeCanonical(keyEntryValue(entry))
    const gone = entry.versions.filter(({ state }) => state === "destroyed").map(({ version }) => version)
    this.#database.exec("BEGIN IMMEDIATE")
    try {
      this.#database
        .prepare(
          "INSERT INTO named_key (id, entry, proof) VALUES (?, ?, ?) ON CONFLICT (id) DO UPDATE SET entry = excluded.entry, proof = excluded.proof",
        )
        .run(entry.id, bytes, this.#prove(entry.id, bytes))
      if (added !== undefined)
        this.#database
          .prepare("INSERT INTO key_secret (id, version, sealed) VALUES (?, ?, ?)")
          .run(entry.id, added.version, this.#seal(added.secret, this.#place(entry, added.version)))
      for (const version of gone) this.#database.prepare("DELETE FROM key_secret WHERE id = ? AND version = ?").run(entry.id, version)
      this.#database.exec("COMMIT")
    } finally {
      if (this.#database.isTransaction) this.#database.exec("ROLLBACK")
      this.#cache.delete(entry.id)
    }
    // The journal still has the old page.
    if (gone.length > 0) this.#database.exec("PRAGMA wal_checkpoint(TRUNCATE)")
  }

  /** Opens the secret of a version; it belongs to the caller, who wipes it as soon as it was used. */
  openSecret(entry: KeyEntry, version: number): Result<Secret, "KEY_RECORD_INVALID"> {
    const sealed = this.#findSecret.get(entry.id, version)?.["sealed"]
    if (!(sealed instanceof Uint8Array) || sealed.length <= NONCE_BYTES) return corrupt(entry.id)
    const opened = this.#aead.open(
      this.#secrets.sealing,
      sealed.subarray(0, NONCE_BYTES),
      sealed.subarray(NONCE_BYTES),
      this.#place(entry, version),
    )
    return opened.ok ? ok(Secret.take(opened.value)) : corrupt(entry.id)
  }

  get #aead(): ReturnType<Primitives["aead"]> {
    return this.#tools.primitives.aead("xchacha20-poly1305")
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
    return this.#tools.primitives.hmacSha256(this.#secrets.authentication, encodeInfo(["keygrove/v1/key-entry", id, entry]))
  }

  #seal(secret: Secret, place: Uint8Array): Uint8Array {
    const nonce = this.#tools.random(NONCE_BYTES)
    return Buffer.concat([nonce, secret.expose((bytes) => this.#aead.seal(this.#secrets.sealing, nonce, bytes, place))])
  }

  #place(entry: KeyEntry, version: number): Uint8Array {
    const publicKey = entry.versions.find((each) => each.version === version)?.publicKey ?? new Uint8Array(0)
    return encodeInfo(["keygrove/v1/key-secret", entry.id, entry.type, version, publicKey])
  }
}

function corrupt(id: string): Refusal<"KEY_RECORD_INVALID"> {
  return refuse("KEY_RECORD_INVALID", `the record of key ${id} was changed; restore the home directory from a backup`)
}
