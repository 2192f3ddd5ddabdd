import { ok, refuse, type Result } from "@keygrove/base"
import type { Primitives } from "@keygrove/crypto"
import type { VaultSecrets } from "@keygrove/hierarchy"
import type { AuditHead } from "@keygrove/keys"
import { MAX_KEY_SLICE } from "@keygrove/service"
import type { DatabaseSync } from "node:sqlite"
import { AuditLog } from "./audit-log.ts"
import { VaultRecords } from "./vault-records.ts"

interface VaultTools {
  readonly primitives: Primitives
  readonly secrets: VaultSecrets
}

/** The tables of named keys and their columns; nothing else of a foreign file is read. */
const TABLES: readonly (readonly [table: string, columns: readonly string[]])[] = [
  ["named_key", ["id", "entry", "proof"]],
  ["key_secret", ["id", "version", "sealed"]],
  ["key_pending", ["id", "version"]],
]

/**
 * Copies the named keys of one keystore database into another of the same node, which has none, and checks that this vault wrote every record. The vault's secrets depend on the
 * node alone, not on its passphrase or epoch, so the records are copied as they are. Borrows all three.
 * @returns how many keys there are now.
 */
export function adoptKeys(from: DatabaseSync, to: DatabaseSync, { primitives, secrets }: VaultTools): Result<number, "KEY_RECORD_INVALID"> {
  to.exec("BEGIN IMMEDIATE")
  try {
    for (const [table, columns] of TABLES) {
      const insert = to.prepare(`INSERT INTO ${table} (${columns.join(", ")}) VALUES (${columns.map(() => "?").join(", ")})`)
      for (const row of from.prepare(`SELECT ${columns.join(", ")} FROM ${table}`).iterate())
        insert.run(...columns.map((column) => row[column] ?? null))
    }
    to.exec("COMMIT")
  } catch {
    // What does not fit into our tables came from no keystore of ours.
    return refuse("KEY_RECORD_INVALID", "the keystore has records that are none of named keys; is the file damaged?")
  } finally {
    if (to.isTransaction) to.exec("ROLLBACK")
  }
  return countOf(new VaultRecords(to, primitives, secrets))
}

/** Checks that an audit trail, which may be empty, was written by this vault, whole and unchanged. Borrows both; how many events it has. */
export function verifyAuditTrail(database: DatabaseSync, { primitives, secrets }: VaultTools): Result<number, "AUDIT_CORRUPT"> {
  const opened = AuditLog.open(database, primitives, secrets)
  const head = opened.ok ? opened.value.verify() : opened
  return head.ok ? ok(head.value.length) : head
}

/** Where the audit trail of a vault ends, for another vault to take it over; refuses one that this vault neither wrote nor took over, as `moved` says. */
export function auditHeadOf(
  database: DatabaseSync,
  { primitives, secrets }: VaultTools,
  moved: AuditHead | undefined,
): Result<AuditHead, "AUDIT_CORRUPT"> {
  const opened = AuditLog.open(database, primitives, secrets, moved)
  return opened.ok ? ok(opened.value.head) : opened
}

function countOf(records: VaultRecords): Result<number, "KEY_RECORD_INVALID"> {
  let count = 0
  let after: Parameters<VaultRecords["list"]>[0]
  for (;;) {
    const page = records.list(after, MAX_KEY_SLICE)
    if (!page.ok) return page
    const last = page.value.at(-1)
    if (last === undefined) return ok(count)
    count += page.value.length
    after = last.id
  }
}
