import { chmodSync, existsSync, writeFileSync } from "node:fs"
import type { DatabaseSync } from "node:sqlite"
import { KeygroveError, ok, type Result, type Secret } from "@keygrove/base"
import type { KeystoreTools } from "../engine.ts"
import type { SourceOptions } from "../inherited-source.ts"
import { KEY_FILE_BYTES, type UnlockSecret } from "../key-encryption.ts"
import { nodeRecordValue, type NodeRecord } from "../node-record.ts"
import { SealedRecords, type RecordTools } from "../sealed-records.ts"
import { readNewSecret, type SecretSource } from "../secret-source.ts"

/** The secret that will unlock a new keystore; a key file that is not there yet is made. Belongs to the caller. */
export async function newUnlockSecret(source: SecretSource, tools: KeystoreTools, options: SourceOptions): Promise<Result<UnlockSecret>> {
  if (source.kind === "key-file" && !existsSync(source.path)) makeKeyFile(source.path, tools)
  return await readNewSecret(source, options)
}

/** Seals a node's secret in an empty keystore database, in one transaction. Both secrets stay the caller's. */
export function storeNode(
  database: DatabaseSync,
  tools: RecordTools,
  unlock: UnlockSecret,
  { nodeSecret, place }: { readonly place: NodeRecord; readonly nodeSecret: Secret },
): Result<true> {
  database.exec("BEGIN IMMEDIATE")
  try {
    const created = SealedRecords.create(database, tools, unlock)
    if (!created.ok) return created
    using records = created.value
    records.put({ id: "node", kind: "node", version: 1, open: nodeRecordValue(place) }, nodeSecret)
    database.exec("COMMIT")
    return ok(true)
  } finally {
    if (database.isTransaction) database.exec("ROLLBACK")
  }
}

/** Random bytes, mode 0600. */
function makeKeyFile(path: string, tools: KeystoreTools): void {
  const bytes = tools.random(KEY_FILE_BYTES)
  try {
    writeFileSync(path, bytes, { flag: "wx", mode: 0o600, flush: true })
    chmodSync(path, 0o600)
  } catch (cause) {
    throw new KeygroveError("KEYSTORE_KEY_FILE_INVALID", `the key file ${path} cannot be made; check its directory`, { cause })
  } finally {
    bytes.fill(0)
  }
}
