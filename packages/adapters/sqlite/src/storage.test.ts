import { mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { DatabaseSync } from "node:sqlite"
import { unwrap } from "@keygrove/base"
import { afterEach, beforeEach, describe, expect, test } from "vitest"
import { storageContract } from "../../../service/src/ports/storage.contract.ts"
import { SqliteStorage } from "./storage.ts"

const call = { signal: AbortSignal.timeout(600_000) }
let directory = ""
let count = 0

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "keygrove-storage-"))
})
afterEach(() => rmSync(directory, { recursive: true }))

const freshPath = (): string => join(directory, `node-${count++}.db`)

storageContract("SQLite", { open: async () => unwrap(SqliteStorage.open({ path: freshPath() })) })

describe("storage file", () => {
  test("is there again after closing, mode 0600", async () => {
    const path = freshPath()
    {
      await using storage = unwrap(SqliteStorage.open({ path }))
      unwrap(await storage.write([{ kind: "put", collection: "label", key: "photos", value: 1 }], call))
    }
    expect(statSync(path).mode & 0o777).toBe(0o600)
    await using again = unwrap(SqliteStorage.open({ path }))
    expect(unwrap(await again.get("label", "photos", call))).toBe(1)
  })

  test("says STORAGE_CORRUPT to garbage and to a damaged record", async () => {
    const garbage = freshPath()
    writeFileSync(garbage, "no database ".repeat(500))
    expect(SqliteStorage.open({ path: garbage })).toMatchObject({ ok: false, code: "STORAGE_CORRUPT" })
    const path = freshPath()
    {
      await using storage = unwrap(SqliteStorage.open({ path }))
      unwrap(await storage.write([{ kind: "put", collection: "label", key: "photos", value: [1, 2] }], call))
    }
    const database = new DatabaseSync(path)
    database.exec("UPDATE record SET value = x'ff'")
    database.close()
    await using storage = unwrap(SqliteStorage.open({ path }))
    expect(await storage.get("label", "photos", call)).toMatchObject({ ok: false, code: "STORAGE_CORRUPT" })
    expect(await storage.list("label", { limit: 5 }, call)).toMatchObject({ ok: false, code: "STORAGE_CORRUPT" })
  })

  test("says DISK_FULL, keeps all records, and still removes", async () => {
    await using storage = unwrap(SqliteStorage.open({ path: freshPath(), maxBytes: 64 * 1024 }))
    const put = (key: string) => storage.write([{ kind: "put", collection: "label", key, value: new Uint8Array(10_000) }], call)
    const kept: string[] = []
    for (let number = 0; number < 20; number++) if ((await put(`k${number}`)).ok) kept.push(`k${number}`)
    expect(kept.length).toBeLessThan(20)
    expect(await put("more")).toMatchObject({ ok: false, code: "DISK_FULL" })
    expect(unwrap(await storage.list("label", { limit: 100 }, call)).length).toBe(kept.length)
    expect(await storage.write([{ kind: "remove", collection: "label", key: kept[0] ?? "" }], call)).toMatchObject({ ok: true })
    expect((await put("more")).ok).toBe(true)
  })
})
