import { DatabaseSync } from "node:sqlite"
import { encodeCanonical, Secret, unwrap } from "@keygrove/base"
import { nativePrimitives } from "@keygrove/curves-native"
import { decodeTimestamp, deriveVault } from "@keygrove/hierarchy"
import { decodeKeyId, keyEntryValue, MAX_KEY_VERSIONS, OPEN_RULES, type KeyEntry, type KeyId } from "@keygrove/keys"
import { systemRandom } from "@keygrove/system"
import { expect, test } from "vitest"
import { VAULT_MIGRATIONS } from "./schema.ts"
import { VaultRecords } from "./vault-records.ts"

test("keys with as many versions as there can be are listed in slices that fit a frame", () => {
  const database = new DatabaseSync(":memory:")
  for (const sql of VAULT_MIGRATIONS) database.exec(sql)
  using node = Secret.take(systemRandom(32))
  using secrets = deriveVault(nativePrimitives, node)
  const records = new VaultRecords(database, nativePrimitives, secrets)
  const createdAt = unwrap(decodeTimestamp(1_800_000_000_000))
  const versions = Array.from({ length: MAX_KEY_VERSIONS }, (_, index) => ({
    version: index + 1,
    state: "destroyed" as const,
    createdAt,
    publicKey: new Uint8Array(48),
  }))
  const ids = ["a", "b", "c"].map((name) => unwrap(decodeKeyId(name)))
  const entry: Omit<KeyEntry, "id"> = {
    type: "bls12-381",
    backend: "sealed",
    source: "generated",
    exportable: false,
    rules: OPEN_RULES,
    versions,
  }
  for (const id of ids) records.put({ ...entry, id })
  const slices: (readonly KeyId[])[] = []
  for (let slice = unwrap(records.list(undefined, 500)); slice.length > 0; slice = unwrap(records.list(slices.at(-1)?.at(-1), 500))) {
    expect(encodeCanonical(slice.map(keyEntryValue)).length).toBeLessThan(1_000_000)
    slices.push(slice.map(({ id }) => id))
  }
  expect(slices.flat()).toEqual(ids)
})
