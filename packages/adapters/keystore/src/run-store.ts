import type { DatabaseSync, SQLInputValue, SQLOutputValue } from "node:sqlite"
import { KeygroveError, ok, refuse, unwrap, type Refusal, type Result, type Secret } from "@keygrove/base"
import { deriveKey, encodeInfo } from "@keygrove/crypto"
import type { VaultSecrets } from "@keygrove/hierarchy"
import { decodeKeyGeneration } from "@keygrove/pieces"
import type { StorageSlot } from "@keygrove/service"
import type { NodeState } from "./node-secrets.ts"
import { atOnce } from "./at-once.ts"
import { decodeRunRecord, encodeRunRecord, type RunRecord, type VaultFacts } from "./run-record.ts"
import { openRunSecrets, runSecretParts, type OpenedRun } from "./run-secrets.ts"
import { openBox, sealBox } from "./sealed-box.ts"
import type { RecordTools } from "./sealed-records.ts"

/** What opening by pieces adds to a keystore's database, by schema version; after those of the keystore and of its vault. */
export const RUN_MIGRATIONS: readonly string[] = [
  `CREATE TABLE run_record (one INTEGER PRIMARY KEY CHECK (one = 1), open BLOB NOT NULL, key BLOB NOT NULL) STRICT;
   CREATE TABLE run_secret (part INTEGER PRIMARY KEY, sealed BLOB NOT NULL) STRICT;
   CREATE TABLE run_slot (generation INTEGER PRIMARY KEY, public_key BLOB NOT NULL, sealed BLOB NOT NULL) STRICT`,
]

/** Ways in at once; a keystore has one for each key generation that is not over. */
export const MAX_SLOTS = 64

/** The vault of the node whose state is written; its secrets are borrowed. */
export interface RunVault {
  readonly secrets: VaultSecrets
  readonly facts: VaultFacts
}

/** A storage key and the public side of its slot. The key is borrowed. */
export interface SlotKey extends StorageSlot {
  readonly storageKey: Secret
}

/** The run record as it lies there: its public part, a claim until secrets under it have been opened. */
export interface StoredRun {
  readonly record: RunRecord
  readonly open: Uint8Array
  /** The run key, sealed for whoever opens the keystore without pieces. */
  readonly key: Uint8Array
}

/** The tables that pieces open: the run record and the slots. Holds no key; what is written is durable, and what it replaces is overwritten on the disk. The database is borrowed. */
export class RunStore {
  readonly #database: DatabaseSync
  readonly #tools: RecordTools
  readonly #storeId: Uint8Array

  constructor(database: DatabaseSync, tools: RecordTools) {
    this.#database = database
    this.#tools = tools
    this.#storeId = blob(database.prepare("SELECT id FROM store").get()?.["id"])
  }

  /** The run record, if there is one. */
  find(): Result<StoredRun | undefined, "KEYSTORE_RECORD_CORRUPT"> {
    const row = this.#database.prepare("SELECT open, key FROM run_record").get()
    if (row === undefined) return ok(undefined)
    const open = blob(row["open"])
    const record = decodeRunRecord(open)
    return record.ok ? ok({ record: record.value, open, key: blob(row["key"]) }) : record
  }

  /** Opens the run record. The key is borrowed; what comes of it belongs to the caller. */
  open(runKey: Secret, { open, record }: StoredRun): Result<OpenedRun, "KEYSTORE_RECORD_CORRUPT"> {
    const parts = this.#openParts(runKey, open)
    try {
      return ok(openRunSecrets(this.#tools.primitives, record, parts))
    } catch (error) {
      if (error instanceof RangeError) return corrupt(error.message)
      if (error instanceof KeygroveError) return corrupt(error.message)
      throw error
    } finally {
      // Wipes the part that was opened last.
      parts.return(undefined)
    }
  }

  /** Seals a state as the run record, in the place of the one that there is; with a slot, when one is given, in the place of the one of its generation. All of it is borrowed. */
  write(runKey: Secret, state: NodeState, { facts, secrets: vault }: RunVault, slot?: SlotKey): void {
    const open = encodeRunRecord(state, facts)
    atOnce(this.#database, () => {
      using vaultKey = this.#vaultKey(vault)
      const key = sealBox(this.#tools, vaultKey, runKey, this.#vaultPlace())
      this.#run("INSERT OR REPLACE INTO run_record (one, open, key) VALUES (1, ?, ?)", open, key)
      let part = 0
      for (const secret of runSecretParts(state, vault))
        this.#run(
          "INSERT OR REPLACE INTO run_secret (part, sealed) VALUES (?, ?)",
          part,
          sealBox(this.#tools, runKey, secret, this.#partPlace(part++, open)),
        )
      this.#run("DELETE FROM run_secret WHERE part >= ?", part)
      if (slot !== undefined) this.#putSlot(runKey, slot)
    })
  }

  /** The run key, by the secrets of the vault; the caller's. `undefined` when it was changed. */
  keyByVault({ key }: StoredRun, vault: VaultSecrets): Secret | undefined {
    using vaultKey = this.#vaultKey(vault)
    return openBox(this.#tools, vaultKey, key, this.#vaultPlace())
  }

  /** The run key, by a storage key, which is borrowed; the caller's. */
  keyBySlot(slot: SlotKey): Result<Secret, "SLOT_UNKNOWN"> {
    const row = this.#database
      .prepare("SELECT sealed FROM run_slot WHERE generation = ? AND public_key = ?")
      .get(slot.generation, slot.publicKey)
    if (row === undefined) return unknownSlot(slot)
    using slotKey = this.#slotKey(slot)
    const runKey = openBox(this.#tools, slotKey, blob(row["sealed"]), this.#slotPlace(slot))
    return runKey === undefined ? unknownSlot(slot) : ok(runKey)
  }

  /** The ways in, the oldest first. */
  slots(): readonly StorageSlot[] {
    const rows = this.#database.prepare("SELECT generation, public_key FROM run_slot ORDER BY generation LIMIT ?").all(MAX_SLOTS)
    return rows.map((row) => ({ generation: unwrap(decodeKeyGeneration(row["generation"])), publicKey: blob(row["public_key"]) }))
  }

  /** Wipes slots; with the last of them the run record, which nothing opens then. */
  dropSlots(generations: readonly number[]): void {
    atOnce(this.#database, () => {
      for (const generation of generations) this.#run("DELETE FROM run_slot WHERE generation = ?", generation)
      if (this.#database.prepare("SELECT 1 FROM run_slot").get() === undefined) wipeRun(this.#database)
    })
  }

  /** Wipes all of it. */
  clear(): void {
    atOnce(this.#database, () => wipeRun(this.#database))
  }

  *#openParts(runKey: Secret, open: Uint8Array): Generator<Secret, undefined> {
    const rows = this.#database.prepare("SELECT part, sealed FROM run_secret ORDER BY part").all()
    for (const [index, { part, sealed }] of rows.entries()) {
      using secret = part === index ? openBox(this.#tools, runKey, blob(sealed), this.#partPlace(index, open)) : undefined
      if (secret === undefined) throw new KeygroveError("KEYSTORE_RECORD_CORRUPT", `part ${index} was changed`)
      yield secret
    }
    return undefined
  }

  #putSlot(runKey: Secret, slot: SlotKey): void {
    using key = this.#slotKey(slot)
    const sealed = sealBox(this.#tools, key, runKey, this.#slotPlace(slot))
    const { generation, publicKey } = slot
    this.#run("INSERT OR REPLACE INTO run_slot (generation, public_key, sealed) VALUES (?, ?, ?)", generation, publicKey, sealed)
  }

  #slotKey({ publicKey, storageKey }: SlotKey): Secret {
    return deriveKey(this.#tools.primitives, storageKey, ["keygrove/v1/run-key-slot", this.#storeId, publicKey], 32)
  }

  #slotPlace({ generation, publicKey }: StorageSlot): Uint8Array {
    return encodeInfo(["keygrove/v1/run-key-slot", this.#storeId, publicKey, generation])
  }

  /** Of the secret from which named keys derive: the only one of a vault that nothing is sealed or authenticated with. */
  #vaultKey({ derivation }: VaultSecrets): Secret {
    return deriveKey(this.#tools.primitives, derivation, ["keygrove/v1/run-key-vault", this.#storeId], 32)
  }

  #vaultPlace(): Uint8Array {
    return encodeInfo(["keygrove/v1/run-key-vault", this.#storeId])
  }

  #partPlace(part: number, open: Uint8Array): Uint8Array {
    return encodeInfo(["keygrove/v1/run-record", this.#storeId, part, open])
  }

  #run(sql: string, ...values: readonly SQLInputValue[]): void {
    this.#database.prepare(sql).run(...values)
  }
}

/**
 * Takes away all that pieces open, within the transaction of the caller, who turns `secure_delete` on before and empties the journal after it: what a ceremony makes of the node's record is not
 * what the run record has.
 */
export function wipeRun(database: DatabaseSync): void {
  for (const table of ["run_record", "run_secret", "run_slot"]) database.exec(`DELETE FROM ${table}`)
}

function unknownSlot({ generation }: StorageSlot): Refusal<"SLOT_UNKNOWN"> {
  return refuse(
    "SLOT_UNKNOWN",
    `the keystore has no slot of this storage key in generation ${generation}; take pieces of a sharing whose slot is there`,
  )
}

function corrupt(reason: string): Refusal<"KEYSTORE_RECORD_CORRUPT"> {
  return refuse("KEYSTORE_RECORD_CORRUPT", `the run record does not open: ${reason}; start the node once with its passphrase or key file`)
}

function blob(value: SQLOutputValue | undefined): Uint8Array {
  return value instanceof Uint8Array ? value : new Uint8Array(0)
}
