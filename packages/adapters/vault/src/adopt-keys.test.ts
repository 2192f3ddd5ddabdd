import { DatabaseSync } from "node:sqlite"
import { Secret, unwrap } from "@keygrove/base"
import { nativePrimitives as primitives } from "@keygrove/curves-native"
import { decodeTimestamp, deriveVault, type VaultSecrets } from "@keygrove/hierarchy"
import { decodeKeyId, OPEN_RULES } from "@keygrove/keys"
import { systemRandom } from "@keygrove/system"
import { expect, test } from "vitest"
import { adoptKeys, verifyAuditTrail } from "./adopt-keys.ts"
import { AUDIT_MIGRATIONS, VAULT_MIGRATIONS } from "./schema.ts"
import { VaultRecords } from "./vault-records.ts"

const INVALID = { code: "KEY_RECORD_INVALID" }

function database(migrations: readonly string[] = VAULT_MIGRATIONS): DatabaseSync {
  const made = new DatabaseSync(":memory:")
  for (const sql of migrations) made.exec(sql)
  return made
}

function newSecrets(): VaultSecrets {
  using node = Secret.take(systemRandom(32))
  return deriveVault(primitives, node)
}

/** A keystore with some keys, written by the vault of `secrets`. */
function keystoreOf(secrets: VaultSecrets, names: readonly string[]): DatabaseSync {
  const made = database()
  const records = new VaultRecords(made, primitives, secrets)
  const createdAt = unwrap(decodeTimestamp(1_800_000_000_000))
  for (const name of names) {
    const version = { version: 1, state: "enabled" as const, createdAt, publicKey: systemRandom(32) }
    const key = {
      type: "ed25519",
      backend: "sealed",
      source: "generated",
      exportable: false,
      rules: OPEN_RULES,
      versions: [version],
    } as const
    records.put({ ...key, id: unwrap(decodeKeyId(name)) }, { added: { version: 1, handle: systemRandom(72) } })
  }
  return made
}

const all = (from: DatabaseSync, table: string): readonly unknown[] => from.prepare(`SELECT * FROM ${table}`).all()

test("copies every key as it is, and counts them over more than one slice", () => {
  using secrets = newSecrets()
  const names = Array.from({ length: 600 }, (_, index) => `key-${index}`)
  const [from, to] = [keystoreOf(secrets, names), database()]
  expect(adoptKeys(from, to, { primitives, secrets })).toEqual({ ok: true, value: 600 })
  for (const table of ["named_key", "key_secret", "key_pending"]) expect(all(to, table)).toEqual(all(from, table))
  expect(adoptKeys(database(), database(), { primitives, secrets })).toEqual({ ok: true, value: 0 })
})

test("refuses keys of another vault, changed records, and tables that are not ours", () => {
  using secrets = newSecrets()
  using other = newSecrets()
  const from = keystoreOf(secrets, ["a", "b"])
  expect(adoptKeys(from, database(), { primitives, secrets: other })).toMatchObject(INVALID)
  from.exec("UPDATE named_key SET entry = (SELECT entry FROM named_key WHERE id = 'a') WHERE id = 'b'")
  expect(adoptKeys(from, database(), { primitives, secrets })).toMatchObject(INVALID)
  const strange = new DatabaseSync(":memory:")
  strange.exec("CREATE TABLE named_key (id, entry, proof); INSERT INTO named_key VALUES ('a', 'text', NULL)")
  const to = database()
  expect(adoptKeys(strange, to, { primitives, secrets })).toMatchObject(INVALID)
  expect(all(to, "named_key")).toEqual([])
})

test("an empty audit trail is anybody's, one without its head is nobody's", () => {
  using secrets = newSecrets()
  const trail = database(AUDIT_MIGRATIONS)
  expect(verifyAuditTrail(trail, { primitives, secrets })).toEqual({ ok: true, value: 0 })
  trail.exec("INSERT INTO event VALUES (0, x'a0')")
  expect(verifyAuditTrail(trail, { primitives, secrets })).toMatchObject({ code: "AUDIT_CORRUPT" })
})
