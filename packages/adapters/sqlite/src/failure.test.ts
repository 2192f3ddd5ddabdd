import { execFileSync } from "node:child_process"
import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { DatabaseSync } from "node:sqlite"
import { expect, test } from "vitest"
import { databaseFailure } from "./failure.ts"

test.runIf(process.platform === "linux" && process.getuid?.() === 0)("a disk without room for a database's shared memory is full", () => {
  const disk = mkdtempSync(join(tmpdir(), "keygrove-full-"))
  execFileSync("mount", ["-t", "tmpfs", "-o", "size=1m", "tmpfs", disk])
  try {
    const path = join(disk, "x.db")
    const database = new DatabaseSync(path)
    database.exec("PRAGMA journal_mode = WAL; CREATE TABLE x (y)")
    database.close()
    expect(() => writeFileSync(join(disk, "ballast"), Buffer.alloc(1_048_576))).toThrow("ENOSPC")
    using full = new DatabaseSync(path)
    const failure = (): unknown => {
      try {
        return full.prepare("SELECT * FROM x").all()
      } catch (error) {
        return databaseFailure(error, path)
      }
    }
    expect(failure()).toMatchObject({ ok: false, code: "DISK_FULL", data: { sqlite: 4_874 } })
  } finally {
    execFileSync("umount", [disk])
    rmSync(disk, { recursive: true })
  }
})

test.each([
  [5, "DATABASE_BUSY"],
  [11, "DATABASE_CORRUPT"],
  [267, "DATABASE_CORRUPT"],
  [13, "DISK_FULL"],
  [778, "DATABASE_FAILED"],
])("SQLite %i is %s", (errcode, code) => {
  const error = Object.assign(new Error("words of another"), { errcode, errstr: "its words" })
  expect(databaseFailure(error, "x.db")).toMatchObject({ code, message: expect.stringContaining("x.db: its words") })
})
