import { decodeCanonical, equalConstantTime, ok, refuse, type RandomBytes, type Refusal, type Result } from "@keygrove/base"
import type { Primitives } from "@keygrove/crypto"
import type { VaultSecrets } from "@keygrove/hierarchy"
import { decodeKeyEntry, type KeyEntry } from "@keygrove/keys"
import type { DatabaseSync, SQLOutputValue } from "node:sqlite"
import { SealedShelf } from "./backends/sealed-shelf.ts"
import { MAX_ENTRY_BYTES, proveEntry } from "./vault-records.ts"

/** What keys are sealed again with; all of it borrowed. */
export interface ResealTools {
  readonly primitives: Primitives
  readonly random: RandomBytes
  /** Of the vault that wrote the records. */
  readonly from: VaultSecrets
  /** Of the vault that is to read them. */
  readonly to: VaultSecrets
}

/** What was sealed again. */
export interface ResealedKeys {
  readonly keys: number
  /** Those whose newest version follows from the secret of the node that made it, so that whoever has that has the key. */
  readonly derived: number
}

/** Keys in memory at once. */
const PAGE = 256

/**
 * Hands the named keys of a keystore database over to another vault: every proof is made anew and every sealed secret opened and sealed again, with its value. To be called inside the caller's transaction; what is
 * refused, or thrown, has to be rolled back. What is overwritten is overwritten on the disk too, but for the journal: truncate that after the transaction.
 */
export function resealKeys(database: DatabaseSync, tools: ResealTools): Result<ResealedKeys, "KEY_RECORD_INVALID"> {
  if (!database.isTransaction) throw new TypeError("keys are sealed again in one transaction")
  const page = database.prepare("SELECT id, entry, proof FROM named_key WHERE id > ? ORDER BY id LIMIT ?")
  const prove = database.prepare("UPDATE named_key SET proof = ? WHERE id = ?")
  const reseal = resealer(database, tools)
  let [keys, derived, after] = [0, 0, ""]
  for (;;) {
    const rows = page.all(after, PAGE)
    if (rows.length === 0) return ok({ keys, derived })
    for (const row of rows) {
      after = String(row["id"])
      const entry = provedEntry(after, row, tools)
      if (!entry.ok) return entry
      const { bytes, value } = entry.value
      const sealed = value.backend === "sealed" ? reseal(value) : ok(true)
      if (!sealed.ok) return sealed
      prove.run(proveEntry(tools.primitives, tools.to, value.id, bytes), value.id)
      keys++
      if (value.source === "derived" && value.versions.at(-1)?.state !== "destroyed") derived++
    }
  }
}

/** Seals the secrets of all versions of a key again. */
function resealer(database: DatabaseSync, tools: ResealTools): (entry: KeyEntry) => Result<true, "KEY_RECORD_INVALID"> {
  const find = database.prepare("SELECT sealed FROM key_secret WHERE id = ? AND version = ?")
  const put = database.prepare("UPDATE key_secret SET sealed = ? WHERE id = ? AND version = ?")
  const [from, to] = [new SealedShelf(tools, tools.from.sealing), new SealedShelf(tools, tools.to.sealing)]
  return ({ id, type, versions }) => {
    for (const { publicKey, state, version } of versions) {
      const sealed = find.get(id, version)?.["sealed"]
      if (state === "destroyed" && sealed === undefined) continue
      const key = { id, type, version, publicKey, handle: sealed instanceof Uint8Array ? sealed : new Uint8Array(0) }
      const opened = from.take(key)
      if (!opened.ok) return opened
      using secret = opened.value
      put.run(to.put(key, secret), id, version)
    }
    return ok(true)
  }
}

function provedEntry(
  id: string,
  { entry, proof }: Record<string, SQLOutputValue>,
  { from, primitives }: ResealTools,
): Result<{ readonly bytes: Uint8Array; readonly value: KeyEntry }, "KEY_RECORD_INVALID"> {
  if (!(entry instanceof Uint8Array) || !(proof instanceof Uint8Array)) return corrupt(id)
  if (!equalConstantTime(proof, proveEntry(primitives, from, id, entry))) return corrupt(id)
  const value = decodeCanonical(entry, MAX_ENTRY_BYTES)
  const decoded = value.ok ? decodeKeyEntry(value.value) : value
  return decoded.ok && decoded.value.id === id ? ok({ bytes: entry, value: decoded.value }) : corrupt(id)
}

function corrupt(id: string): Refusal<"KEY_RECORD_INVALID"> {
  return refuse("KEY_RECORD_INVALID", `the record of key ${id} was changed; restore the home directory from a backup, nothing was made`)
}
