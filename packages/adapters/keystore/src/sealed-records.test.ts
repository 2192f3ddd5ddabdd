import { DatabaseSync } from "node:sqlite"
import { Secret, unwrap, utf8 } from "@keygrove/base"
import { nativePrimitives } from "@keygrove/curves-native"
import { systemRandom } from "@keygrove/system"
import { beforeEach, expect, test } from "vitest"
import type { UnlockSecret } from "./key-encryption.ts"
import { KEYSTORE_MIGRATIONS, SealedRecords } from "./sealed-records.ts"

const tools = { primitives: nativePrimitives, random: systemRandom }
const passphrase = (text: string): UnlockSecret => ({ method: "argon2id", secret: Secret.take(utf8(text)) })
const keyFile = (fill: number): UnlockSecret => ({ method: "key-file", secret: Secret.take(new Uint8Array(32).fill(fill)) })
const record = { id: "node", kind: "node", version: 1, open: { path: "/laptop" } } as const
const nodeSecret = (): Secret => Secret.take(new Uint8Array(32).fill(5))

let database = new DatabaseSync(":memory:")

beforeEach(() => {
  database = new DatabaseSync(":memory:")
  for (const sql of KEYSTORE_MIGRATIONS) database.exec(sql)
})

test("what is sealed with a passphrase opens with it and with nothing else", () => {
  using made = unwrap(SealedRecords.create(database, tools, passphrase("correct horse")))
  made.put(record, nodeSecret())
  using opened = unwrap(SealedRecords.open(database, tools, passphrase("correct horse")))
  expect(unwrap(opened.get("node")).secret.equals(nodeSecret())).toBe(true)
  expect(SealedRecords.open(database, tools, passphrase("correct hors"))).toMatchObject({ code: "KEYSTORE_PASSPHRASE_WRONG" })
  expect(SealedRecords.open(database, tools, keyFile(1))).toMatchObject({ code: "KEYSTORE_PASSPHRASE_WRONG" })
})

test("a key file works the same, and nothing is overwritten", () => {
  using made = unwrap(SealedRecords.create(database, tools, keyFile(1)))
  made.put(record, nodeSecret())
  expect(SealedRecords.open(database, tools, keyFile(2))).toMatchObject({ code: "KEYSTORE_KEY_FILE_WRONG" })
  expect(SealedRecords.create(database, tools, keyFile(1))).toMatchObject({ code: "KEYSTORE_EXISTS" })
  expect(() => made.put(record, nodeSecret())).toThrow()
})

test("an empty store says so", () => {
  expect(SealedRecords.open(database, tools, keyFile(1))).toMatchObject({ code: "KEYSTORE_EMPTY" })
})

test.each([
  ["sealed bytes", "UPDATE record SET sealed = zeroblob(length(sealed))"],
  ["public part", "UPDATE record SET open = x'a16470617468642f626f62'"],
  ["version", "UPDATE record SET version = 2"],
  ["kind", "UPDATE record SET kind = 'other'"],
])("a record with a changed %s does not open", (_what, sql) => {
  using made = unwrap(SealedRecords.create(database, tools, keyFile(1)))
  made.put(record, nodeSecret())
  database.exec(sql)
  expect(made.get("node")).toMatchObject({ code: "KEYSTORE_RECORD_CORRUPT" })
})

test("parameters that would take all memory are refused before they are used", () => {
  using _made = unwrap(SealedRecords.create(database, tools, passphrase("correct horse")))
  database.exec("UPDATE store SET derivation = x'00'")
  expect(SealedRecords.open(database, tools, passphrase("correct horse"))).toMatchObject({ code: "KEYSTORE_RECORD_CORRUPT" })
})
