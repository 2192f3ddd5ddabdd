import {
  type CborValue,
  decodeCanonical,
  encodeCanonical,
  KeygroveError,
  ok,
  refuse,
  Secret,
  type RandomBytes,
  type Result,
} from "@keygrove/base"
import { encodeInfo, type Primitives } from "@keygrove/crypto"
import type { DatabaseSync, SQLOutputValue } from "node:sqlite"
import { MAX_OPEN_BYTES } from "./node-record.ts"
import { openBox, sealBox } from "./sealed-box.ts"
import { deriveKeyEncryptionKey, isAcceptable, newKeyDerivation, type KeyDerivation, type UnlockSecret } from "./key-encryption.ts"

/** SQLite's application id of a keystore: "kgks". */
export const KEYSTORE_APPLICATION_ID = 0x6b676b73
/** Schema of a keystore, by version. */
export const KEYSTORE_MIGRATIONS: readonly string[] = [
  `CREATE TABLE store (one INTEGER PRIMARY KEY CHECK (one = 1), id BLOB NOT NULL, derivation BLOB NOT NULL, proof BLOB NOT NULL) STRICT;
   CREATE TABLE record (id TEXT PRIMARY KEY, kind TEXT NOT NULL, version INTEGER NOT NULL, open BLOB NOT NULL, sealed BLOB NOT NULL) STRICT`,
]

export type RecordsRefusal =
  | "KEYSTORE_PASSPHRASE_WRONG"
  | "KEYSTORE_KEY_FILE_WRONG"
  | "KEYSTORE_RECORD_CORRUPT"
  | "KEYSTORE_EMPTY"
  | "KEYSTORE_EXISTS"

/** A record: its public part in the open, its secret sealed; each is bound to the other and to the record's place. */
export interface SealedRecord {
  /** `node`, or `predecessor-N`, the oldest with N = 1. */
  readonly id: string
  readonly kind: "node" | "predecessor"
  readonly version: number
  readonly open: CborValue
}

/** What the records need of their platform. */
export interface RecordTools {
  readonly primitives: Primitives
  readonly random: RandomBytes
}

const PROOF = encodeInfo(["keygrove/v1/keystore-proof"])

/** Sealed records of one keystore, unlocked. Owns the key-encryption key; disposal wipes it. The database stays the caller's. */
export class SealedRecords implements Disposable {
  readonly #database: DatabaseSync
  readonly #tools: RecordTools
  readonly #storeId: Uint8Array
  readonly #key: Secret

  private constructor(database: DatabaseSync, tools: RecordTools, storeId: Uint8Array, key: Secret) {
    this.#database = database
    this.#tools = tools
    this.#storeId = storeId
    this.#key = key
  }

  /** Makes the store in an empty database; nothing is ever overwritten. */
  static create(database: DatabaseSync, tools: RecordTools, unlock: UnlockSecret): Result<SealedRecords, RecordsRefusal> {
    if (database.prepare("SELECT 1 FROM store").get() !== undefined)
      return refuse("KEYSTORE_EXISTS", "the keystore holds a node already; choose another home directory")
    const derivation = newKeyDerivation(unlock.method, tools.random)
    const storeId = tools.random(32)
    const key = deriveKeyEncryptionKey(tools.primitives, derivation, unlock.secret)
    const records = new SealedRecords(database, tools, storeId, key)
    using proof = Secret.take(Uint8Array.from(PROOF))
    const sealed = records.#seal(proof, records.#associated("proof", 1, derivationValue(derivation)))
    database
      .prepare("INSERT INTO store (one, id, derivation, proof) VALUES (1, ?, ?, ?)")
      .run(storeId, encodeCanonical(derivationValue(derivation)), sealed)
    return ok(records)
  }

  /** Opens an existing store; a wrong secret is told from a damaged record. */
  static open(database: DatabaseSync, tools: RecordTools, unlock: UnlockSecret): Result<SealedRecords, RecordsRefusal> {
    const row = database.prepare("SELECT id, derivation, proof FROM store").get()
    if (row === undefined) return refuse("KEYSTORE_EMPTY", "the keystore holds no node; make one with `keygrove init`")
    const derivation = decodeDerivation(blob(row["derivation"]))
    if (derivation === undefined)
      return refuse("KEYSTORE_RECORD_CORRUPT", "the keystore's parameters were changed; restore the home directory from a backup")
    if (derivation.method !== unlock.method) return wrong(derivation.method)
    const key = deriveKeyEncryptionKey(tools.primitives, derivation, unlock.secret)
    const records = new SealedRecords(database, tools, blob(row["id"]), key)
    const proof = records.#open(blob(row["proof"]), records.#associated("proof", 1, derivationValue(derivation)))
    if (proof === undefined) {
      records[Symbol.dispose]()
      return wrong(derivation.method)
    }
    proof[Symbol.dispose]()
    return ok(records)
  }

  /** Which secret the store in a database asks for; `undefined` for an empty one. */
  static methodOf(database: DatabaseSync): KeyDerivation["method"] | undefined {
    const row = database.prepare("SELECT derivation FROM store").get()
    return row === undefined ? undefined : decodeDerivation(blob(row["derivation"]))?.method
  }

  /** Seals a new record, durably. The secret stays the caller's. */
  put(record: SealedRecord, secret: Secret): void {
    const { id, kind, version, open } = record
    const sealed = this.#seal(secret, this.#associated(`${kind}:${id}`, version, open))
    this.#database
      .prepare("INSERT INTO record (id, kind, version, open, sealed) VALUES (?, ?, ?, ?, ?)")
      .run(id, kind, version, encodeCanonical(open), sealed)
  }

  /**
   * Seals a record anew, durably and at once. The secret stays the caller's.
   * @param before the public part that was read.
   * @throws KeygroveError `KEYSTORE_BUSY` when it is another by now: some other ceremony was faster, and its work must not be undone.
   */
  replace(record: SealedRecord, secret: Secret, before: CborValue): void {
    const { id, kind, version, open } = record
    const sealed = this.#seal(secret, this.#associated(`${kind}:${id}`, version, open))
    const { changes } = this.#database
      .prepare("UPDATE record SET open = ?, sealed = ? WHERE id = ? AND kind = ? AND version = ? AND open = ?")
      .run(encodeCanonical(open), sealed, id, kind, version, encodeCanonical(before))
    if (changes !== 1) throw new KeygroveError("KEYSTORE_BUSY", "another ceremony changed the keystore meanwhile; run this one again")
  }

  /** Opens a record; the secret belongs to the caller. */
  get(id: string): Result<{ readonly record: SealedRecord; readonly secret: Secret }, RecordsRefusal> {
    const row = this.#database.prepare("SELECT kind, version, open, sealed FROM record WHERE id = ?").get(id)
    if (row === undefined) return refuse("KEYSTORE_EMPTY", `the keystore has no record "${id}"; make the node with \`keygrove init\``)
    const open = decodeCanonical(blob(row["open"]), MAX_OPEN_BYTES)
    const { kind, version } = row
    if ((kind !== "node" && kind !== "predecessor") || typeof version !== "number" || !open.ok) return corrupt(id)
    const secret = this.#open(blob(row["sealed"]), this.#associated(`${kind}:${id}`, version, open.value))
    return secret === undefined ? corrupt(id) : ok({ record: { id, kind, version, open: open.value }, secret })
  }

  [Symbol.dispose](): void {
    this.#key[Symbol.dispose]()
  }

  /** Binds a sealed value to the store, its place, its version and its public part, so that none can be swapped or rolled back alone. */
  #associated(place: string, version: number, open: CborValue): Uint8Array {
    return encodeInfo(["keygrove/v1/keystore-record", this.#storeId, place, version, open])
  }

  #seal(secret: Secret, associated: Uint8Array): Uint8Array {
    return sealBox(this.#tools, this.#key, secret, associated)
  }

  #open(sealed: Uint8Array, associated: Uint8Array): Secret | undefined {
    return openBox(this.#tools, this.#key, sealed, associated)
  }
}

function derivationValue(derivation: KeyDerivation): CborValue {
  if (derivation.method === "key-file") return { method: derivation.method, salt: derivation.salt }
  const { method, salt, passes, memoryKib } = derivation
  return { method, salt, passes, memoryKib }
}

function decodeDerivation(bytes: Uint8Array): KeyDerivation | undefined {
  const decoded = decodeCanonical(bytes, MAX_OPEN_BYTES)
  if (!decoded.ok || typeof decoded.value !== "object" || decoded.value === null) return undefined
  const fields = new Map(Object.entries(decoded.value))
  const [method, salt, passes, memoryKib] = ["method", "salt", "passes", "memoryKib"].map((name) => fields.get(name))
  if (!(salt instanceof Uint8Array)) return undefined
  if (method === "key-file") return check({ method, salt })
  if (method !== "argon2id" || typeof passes !== "number" || typeof memoryKib !== "number") return undefined
  return check({ method, salt, passes, memoryKib })
}

function check(derivation: KeyDerivation): KeyDerivation | undefined {
  return isAcceptable(derivation) ? derivation : undefined
}

function blob(value: SQLOutputValue | undefined): Uint8Array {
  return value instanceof Uint8Array ? value : new Uint8Array(0)
}

function corrupt(id: string): Result<never, "KEYSTORE_RECORD_CORRUPT"> {
  return refuse(
    "KEYSTORE_RECORD_CORRUPT",
    `the sealed record "${id}" was changed; restore the home directory from a backup, or recover the node from its words`,
  )
}

function wrong(method: KeyDerivation["method"]): Result<never, "KEYSTORE_PASSPHRASE_WRONG" | "KEYSTORE_KEY_FILE_WRONG"> {
  if (method === "argon2id")
    return refuse("KEYSTORE_PASSPHRASE_WRONG", "the passphrase does not open the keystore; try again, nothing was changed")
  return refuse("KEYSTORE_KEY_FILE_WRONG", "the keystore opens with another key file; give the one it was made with")
}
