import type { DatabaseSync, SQLInputValue, SQLOutputValue } from "node:sqlite"
import { type CborValue, KeygroveError, ok, refuse, Secret, unwrap, type Refusal, type Result } from "@keygrove/base"
import { deriveKey, encodeInfo } from "@keygrove/crypto"
import type { VaultSecrets } from "@keygrove/hierarchy"
import { decodeKeyGeneration } from "@keygrove/pieces"
import type { StorageSlot } from "@keygrove/service"
import type { NodeState } from "./node-secrets.ts"
import { atOnce } from "./at-once.ts"
import type { StoredDelegation } from "./delegated-key.ts"
import { decodeRunRecord, encodeRunRecord, type RunRecord, type VaultFacts } from "./run-record.ts"
import { openRunSecrets, runSecretParts, type OpenedRun } from "./run-secrets.ts"
import { openBox, sealBox } from "./sealed-box.ts"
import { StorageVault } from "./storage-vault.ts"
import type { RecordTools } from "./sealed-records.ts"

/** What opening by pieces adds to a keystore's database, by schema version; after those of the keystore and of its vault. */
export const RUN_MIGRATIONS: readonly string[] = [
  `CREATE TABLE run_record (one INTEGER PRIMARY KEY CHECK (one = 1), open BLOB NOT NULL) STRICT;
   CREATE TABLE run_secret (part INTEGER PRIMARY KEY, sealed BLOB NOT NULL) STRICT;
   CREATE TABLE run_slot (generation INTEGER PRIMARY KEY, public_key BLOB NOT NULL, key BLOB NOT NULL, sealed BLOB NOT NULL) STRICT`,
  "CREATE TABLE run_delegation (one INTEGER PRIMARY KEY CHECK (one = 1), open BLOB NOT NULL, sealed BLOB NOT NULL) STRICT",
]

/** Ways in by pieces at once; a keystore has one for each key generation that is not over. */
export const MAX_SLOTS = 64
/** The place among the slots of the storage key that is sealed to a label: before those of all key generations. */
const DELEGATED_SLOT = 0

/** The vault of the node whose state is written; its secrets are borrowed. */
export interface RunVault {
  readonly secrets: VaultSecrets
  readonly facts: VaultFacts
}

/** A way in: {@link StorageSlot}, or the one for a label. */
interface Slot {
  readonly generation: number
  readonly publicKey: Uint8Array
}

/** A storage key and the public side of its slot. The key is borrowed. */
export interface SlotKey extends Slot {
  readonly storageKey: Secret
}

/** A storage key that is to be opened by way of a label, and what it was sealed to. The key is borrowed. */
export interface DelegatedKey extends StoredDelegation {
  readonly publicKey: Uint8Array
  readonly storageKey: Secret
}

/** The run record as it lies there: its public part, a claim until secrets under it have been opened. */
export interface StoredRun {
  readonly record: RunRecord
  readonly open: Uint8Array
}

/** What becomes of the slots when a run record is written; the others stay. */
export interface SlotChange {
  readonly added?: SlotKey
  /** Generations. */
  readonly dropped?: readonly number[]
  /** Takes the place of the one before; `null` when there is to be none. */
  readonly delegated?: DelegatedKey | null
}

const RUN_KEY_BYTES = 32

/**
 * The tables that pieces and a label's grant open: the run record and the slots. What is written is durable, all of it or nothing, and what it replaces is overwritten on the disk. Each writing has a run key of its own, so that a slot that is over,
 * in a copy of the file from then, opens nothing that came later. The database is borrowed.
 */
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
    const row = this.#database.prepare("SELECT open FROM run_record").get()
    if (row === undefined) return ok(undefined)
    const open = blob(row["open"])
    const record = decodeRunRecord(open)
    return record.ok ? ok({ record: record.value, open }) : record
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

  /**
   * Seals a state under a fresh run key, and that for each slot, whose slot key is kept under the newest epoch's storage secret; with the last slot goes the record, which nothing opens then. A slot that was
   * damaged goes, too. All of it is borrowed.
   */
  write(state: NodeState, vault: RunVault, { added, delegated, dropped = [] }: SlotChange = {}): void {
    atOnce(this.#database, () => {
      for (const generation of delegated === undefined ? dropped : [...dropped, DELEGATED_SLOT]) this.#dropSlot(generation)
      using slotKeys = new StorageVault(this.#tools, "keygrove/v1/run-slot-key", () => storagesOf(state))
      if (added !== undefined) this.#addSlot(added, slotKeys)
      if (delegated !== undefined && delegated !== null) this.#addDelegation(delegated, slotKeys)
      using runKey = Secret.take(this.#tools.random(RUN_KEY_BYTES))
      if (this.#sealForSlots(runKey, slotKeys) === 0) wipeRun(this.#database)
      else this.#sealRecord(runKey, state, vault)
    })
  }

  /** The run key, by a storage key, which is borrowed; the caller's. */
  keyBySlot(slot: SlotKey): Result<Secret, "SLOT_UNKNOWN"> {
    const { generation, publicKey } = slot
    const row = this.#database.prepare("SELECT sealed FROM run_slot WHERE generation = ? AND public_key = ?").get(generation, publicKey)
    if (row === undefined) return unknownSlot(slot)
    using slotKey = this.#slotKey(slot)
    const runKey = openBox(this.#tools, slotKey, blob(row["sealed"]), this.#slotPlace(slot))
    return runKey === undefined ? unknownSlot(slot) : ok(runKey)
  }

  /** The run key, by the storage key that was sealed to a label, as {@link keyBySlot}. */
  keyByDelegation(slot: Omit<SlotKey, "generation">): Result<Secret, "SLOT_UNKNOWN"> {
    return this.keyBySlot({ ...slot, generation: DELEGATED_SLOT })
  }

  /** The ways in by pieces, the oldest first. */
  slots(): readonly StorageSlot[] {
    return this.#slotRows().flatMap(({ slot: { generation, publicKey } }) =>
      generation === DELEGATED_SLOT ? [] : [{ generation: unwrap(decodeKeyGeneration(generation)), publicKey }],
    )
  }

  /** What is sealed to a label, as it lies there; `undefined` when nothing is. */
  delegation(): StoredDelegation | undefined {
    const row = this.#database.prepare("SELECT open, sealed FROM run_delegation").get()
    return row === undefined ? undefined : { open: blob(row["open"]), sealed: blob(row["sealed"]) }
  }

  /** What names this store in all that is bound to it, 32 bytes. */
  get storeId(): Uint8Array {
    return this.#storeId
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

  #sealRecord(runKey: Secret, state: NodeState, { facts, secrets }: RunVault): void {
    const open = encodeRunRecord(state, facts)
    this.#run("INSERT OR REPLACE INTO run_record (one, open) VALUES (1, ?)", open)
    let part = 0
    for (const secret of runSecretParts(state, secrets)) {
      const sealed = sealBox(this.#tools, runKey, secret, this.#partPlace(part, open))
      this.#run("INSERT OR REPLACE INTO run_secret (part, sealed) VALUES (?, ?)", part++, sealed)
    }
    this.#run("DELETE FROM run_secret WHERE part >= ?", part)
  }

  /** For how many it was sealed. */
  #sealForSlots(runKey: Secret, slotKeys: StorageVault): number {
    let sealed = 0
    for (const { key, slot } of this.#slotRows()) {
      using slotKey = slotKeys.open(this.#slotParts(slot), key)
      if (slotKey === undefined) this.#dropSlot(slot.generation)
      else {
        const kept = slotKeys.seal(this.#slotParts(slot), slotKey)
        const box = sealBox(this.#tools, slotKey, runKey, this.#slotPlace(slot))
        this.#run("UPDATE run_slot SET key = ?, sealed = ? WHERE generation = ?", kept, box, slot.generation)
        sealed++
      }
    }
    return sealed
  }

  #addDelegation({ open, publicKey, sealed, storageKey }: DelegatedKey, slotKeys: StorageVault): void {
    this.#addSlot({ generation: DELEGATED_SLOT, publicKey, storageKey }, slotKeys)
    this.#run("INSERT INTO run_delegation (one, open, sealed) VALUES (1, ?, ?)", open, sealed)
  }

  #dropSlot(generation: number): void {
    this.#run("DELETE FROM run_slot WHERE generation = ?", generation)
    if (generation === DELEGATED_SLOT) this.#run("DELETE FROM run_delegation")
  }

  #addSlot(slot: SlotKey, slotKeys: StorageVault): void {
    using slotKey = this.#slotKey(slot)
    const { generation, publicKey } = slot
    const key = slotKeys.seal(this.#slotParts(slot), slotKey)
    const sql = "INSERT OR REPLACE INTO run_slot (generation, public_key, key, sealed) VALUES (?, ?, ?, x'')"
    this.#run(sql, generation, publicKey, key)
  }

  #slotRows(): readonly { readonly slot: Slot; readonly key: Uint8Array }[] {
    const rows = this.#database.prepare("SELECT generation, public_key, key FROM run_slot ORDER BY generation LIMIT ?").all(MAX_SLOTS + 1)
    return rows.map((row) => ({
      slot: { generation: Number(row["generation"]), publicKey: blob(row["public_key"]) },
      key: blob(row["key"]),
    }))
  }

  #slotKey({ publicKey, storageKey }: SlotKey): Secret {
    return deriveKey(this.#tools.primitives, storageKey, ["keygrove/v1/run-key-slot", this.#storeId, publicKey], 32)
  }

  #slotPlace(slot: Slot): Uint8Array {
    return encodeInfo(["keygrove/v1/run-key-slot", ...this.#slotParts(slot)])
  }

  #slotParts({ generation, publicKey }: Slot): readonly CborValue[] {
    return [this.#storeId, publicKey, generation]
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
  for (const table of ["run_record", "run_secret", "run_slot", "run_delegation"]) database.exec(`DELETE FROM ${table}`)
}

/** The storage secrets of a state, that of the newest epoch first: what an older copy of the store gave away leads to no newer one. */
function storagesOf({ earlier, next, secrets }: NodeState): readonly Secret[] {
  return [...(next === undefined ? [] : [next.secrets]), secrets, ...earlier].map(({ storage }) => storage)
}

function unknownSlot({ generation }: Slot): Refusal<"SLOT_UNKNOWN"> {
  return refuse(
    "SLOT_UNKNOWN",
    generation === DELEGATED_SLOT
      ? "the keystore has no slot of the storage key that is sealed to a label; start it with its passphrase, and run `keygrove unlock delegate`"
      : `the keystore has no slot of this storage key in generation ${generation}; take pieces of a sharing whose slot is there`,
  )
}

function corrupt(reason: string): Refusal<"KEYSTORE_RECORD_CORRUPT"> {
  return refuse("KEYSTORE_RECORD_CORRUPT", `the run record does not open: ${reason}; start the node once with its passphrase or key file`)
}

function blob(value: SQLOutputValue | undefined): Uint8Array {
  return value instanceof Uint8Array ? value : new Uint8Array(0)
}
