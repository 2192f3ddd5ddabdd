import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { Secret, unwrap } from "@keygrove/base"
import { nativePrimitives } from "@keygrove/curves-native"
import { KEYSTORE_APPLICATION_ID, KEYSTORE_MIGRATIONS, SealedRecords } from "@keygrove/keystore"
import { openDatabase } from "@keygrove/sqlite"
import { systemRandom } from "@keygrove/system"
import { VAULT_MIGRATIONS } from "@keygrove/vault"
import { afterAll, expect, test } from "vitest"
import { keystoreFile } from "./keystore-files.ts"

const tools = { primitives: nativePrimitives, random: systemRandom }
const directory = mkdtempSync(join(tmpdir(), "keygrove-files-"))
afterAll(() => rmSync(directory, { recursive: true }))
const path = join(directory, "keystore.db")
const keyFile = (): { readonly method: "key-file"; readonly secret: Secret } => ({
  method: "key-file",
  secret: Secret.take(new Uint8Array(32).fill(3)),
})

test("a keystore from before pieces keeps what it has and gets room for them; the program of that time does not open it any more", () => {
  const before = { path, applicationId: KEYSTORE_APPLICATION_ID, migrations: [...KEYSTORE_MIGRATIONS, ...VAULT_MIGRATIONS] }
  {
    using old = unwrap(openDatabase(before))
    using records = unwrap(SealedRecords.create(old, tools, keyFile()))
    using secret = Secret.take(new Uint8Array(32).fill(5))
    records.put({ id: "node", kind: "node", version: 1, open: { path: "/laptop" } }, secret)
    old.exec("INSERT INTO named_key (id, entry, proof) VALUES ('web/tls', x'01', x'02')")
  }
  using now = unwrap(openDatabase(keystoreFile(path)))
  using records = unwrap(SealedRecords.open(now, tools, keyFile()))
  using kept = unwrap(records.get("node")).secret
  expect(kept.expose((bytes) => bytes[0])).toBe(5)
  expect(now.prepare("SELECT id FROM named_key").all()).toEqual([{ id: "web/tls" }])
  for (const table of ["run_record", "run_secret", "run_slot"])
    expect(now.prepare(`SELECT count(*) AS rows FROM ${table}`).get()).toEqual({ rows: 0 })
  expect(now.prepare("SELECT max(version) AS version FROM migration").get()).toEqual({ version: keystoreFile(path).migrations.length })
  expect(openDatabase(before)).toMatchObject({ code: "DATABASE_VERSION" })
})
