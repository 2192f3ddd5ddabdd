import { existsSync, readdirSync, readlinkSync, mkdtempSync, rmSync, statSync, truncateSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { DatabaseSync } from "node:sqlite"
import { unwrap } from "@keygrove/base"
import { emptyHead, nextHead } from "@keygrove/ledger"
import { afterEach, beforeEach, describe, expect, test } from "vitest"
import { ledgerEngineContract } from "../../../service/src/ports/ledger-engine.contract.ts"
import { kitLog, kitPrimitives } from "../../../core/ledger/src/ledger-kit.contract.ts"
import { EmbeddedLedgerEngine } from "./ledger.ts"

const signal = AbortSignal.timeout(600_000)
let directory = ""
let count = 0

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "keygrove-ledger-"))
})
afterEach(() => rmSync(directory, { recursive: true }))

const freshPath = (): string => join(directory, `ledger-${count++}.db`)
const open = (path: string, maxBytes?: number): EmbeddedLedgerEngine =>
  unwrap(
    EmbeddedLedgerEngine.open(maxBytes === undefined ? { path, primitives: kitPrimitives } : { path, primitives: kitPrimitives, maxBytes }),
  )

ledgerEngineContract("embedded SQLite", { open: async () => open(freshPath()) })

describe("embedded ledger file", () => {
  test("keeps what was appended, mode 0600, durable settings", async () => {
    const path = freshPath()
    const log = kitLog(4)
    {
      await using engine = open(path)
      unwrap(await engine.append(log, emptyHead(), { signal }))
      expect(statSync(path).mode & 0o777).toBe(0o600)
      expect(statSync(`${path}-wal`).mode & 0o777).toBe(0o600)
    }
    await using again = open(path)
    expect((await again.head({ signal })).length).toBe(4)
  })

  test("keeps what a copy was given, also where it is not closed", async () => {
    const path = freshPath()
    const log = kitLog(4)
    const copy = (): EmbeddedLedgerEngine => unwrap(EmbeddedLedgerEngine.open({ path, primitives: kitPrimitives, flushesLater: true }))
    await using left = copy()
    const head = unwrap(await left.append(log.slice(0, 3), emptyHead(), { signal }))
    await using again = copy()
    expect(await again.head({ signal })).toEqual(head)
    unwrap(await again.append(log.slice(3), head, { signal }))
    expect((await left.head({ signal })).length).toBe(4)
  })

  test.skipIf(!existsSync("/proc/self/fd"))(
    "flushes a copy in the background, also while it is closed, and leaves nothing open",
    async () => {
      const path = freshPath()
      const log = kitLog(40)
      const openFiles = (): readonly string[] =>
        readdirSync("/proc/self/fd").flatMap((each) => {
          try {
            return readlinkSync(`/proc/self/fd/${each}`)
          } catch {
            return []
          }
        })
      const openLogs = (): readonly string[] => openFiles().filter((file) => file.startsWith(`${path}-wal`))
      {
        await using copy = unwrap(EmbeddedLedgerEngine.open({ path, primitives: kitPrimitives, flushesLater: true }))
        let head = emptyHead()
        for (const entry of log) head = unwrap(await copy.append([entry], head, { signal }))
        // SQLite's own, and the one that is flushed.
        expect(openLogs()).toHaveLength(2)
      }
      await expect.poll(openLogs).toEqual([])
      await using again = open(path)
      expect((await again.head({ signal })).length).toBe(40)
    },
  )

  test("says LEDGER_CORRUPT to garbage, a cut file and a damaged page", async () => {
    const garbage = freshPath()
    writeFileSync(garbage, "this is no database, but long enough to look like one ".repeat(200))
    expect(EmbeddedLedgerEngine.open({ path: garbage, primitives: kitPrimitives })).toMatchObject({ ok: false, code: "LEDGER_CORRUPT" })
    const cut = freshPath()
    {
      await using engine = open(cut)
      unwrap(await engine.append(kitLog(60), emptyHead(), { signal }))
    }
    truncateSync(cut, 5000)
    expect(EmbeddedLedgerEngine.open({ path: cut, primitives: kitPrimitives })).toMatchObject({ ok: false, code: "LEDGER_CORRUPT" })
  })

  test("says LEDGER_CORRUPT when an entry is missing in between", async () => {
    const path = freshPath()
    {
      await using engine = open(path)
      unwrap(await engine.append(kitLog(5), emptyHead(), { signal }))
    }
    const database = new DatabaseSync(path)
    database.exec("DELETE FROM entry WHERE position = 2")
    database.close()
    await using engine = open(path)
    expect(await engine.read(emptyHead().length, 10, { signal })).toMatchObject({ ok: false, code: "LEDGER_CORRUPT" })
  })

  test("refuses another program's file and a newer version", async () => {
    const foreign = freshPath()
    const other = new DatabaseSync(foreign)
    other.exec("CREATE TABLE notes (text TEXT)")
    other.close()
    expect(EmbeddedLedgerEngine.open({ path: foreign, primitives: kitPrimitives })).toMatchObject({ ok: false, code: "DATABASE_FOREIGN" })
    const newer = freshPath()
    await open(newer)[Symbol.asyncDispose]()
    const database = new DatabaseSync(newer)
    database.exec("INSERT INTO migration (version) VALUES (99)")
    database.close()
    expect(EmbeddedLedgerEngine.open({ path: newer, primitives: kitPrimitives })).toMatchObject({ ok: false, code: "DATABASE_VERSION" })
  })

  test("takes over a file of before there were snapshots", async () => {
    const path = freshPath()
    const log = kitLog(3)
    const old = new DatabaseSync(path)
    old.exec(
      `PRAGMA application_id = ${0x4b474c47}; CREATE TABLE migration (version INTEGER PRIMARY KEY) STRICT; INSERT INTO migration VALUES (1);
       CREATE TABLE entry (position INTEGER PRIMARY KEY, bytes BLOB NOT NULL, head BLOB NOT NULL) STRICT`,
    )
    let head = emptyHead()
    for (const [position, bytes] of log.entries()) {
      head = nextHead(kitPrimitives, head, bytes)
      old.prepare("INSERT INTO entry VALUES (?, ?, ?)").run(position, bytes, head.hash)
    }
    old.close()
    await using engine = open(path)
    expect(await engine.head({ signal })).toEqual(head)
    expect(unwrap(await engine.snapshots.heads({ signal }))).toEqual([])
    expect(unwrap(await engine.snapshots.prunedTo({ signal }))).toBe(0)
  })

  test("says DISK_FULL, keeps the log, and goes on when there is room again", async () => {
    const path = freshPath()
    const log = kitLog(200)
    let head = emptyHead()
    {
      await using engine = open(path, 40 * 1024)
      let refused: string | undefined
      for (let from = 0; from < log.length && refused === undefined; from += 20) {
        const appended = await engine.append(log.slice(from, from + 20), head, { signal })
        if (appended.ok) head = appended.value
        else refused = appended.code
      }
      expect(refused).toBe("DISK_FULL")
      expect(await engine.head({ signal })).toEqual(head)
    }
    await using roomy = open(path)
    expect((await roomy.append(log.slice(head.length, head.length + 20), head, { signal })).ok).toBe(true)
  })

  test("waits for another process's lock and says so when it stays", async () => {
    const path = freshPath()
    await using engine = open(path)
    const other = new DatabaseSync(path)
    other.exec("BEGIN IMMEDIATE")
    const waiting = engine.append(kitLog(1), emptyHead(), { signal })
    await new Promise((resolve) => setImmediate(resolve))
    other.exec("ROLLBACK")
    expect((await waiting).ok).toBe(true)
    const head = await engine.head({ signal })
    other.exec("BEGIN IMMEDIATE")
    expect(await engine.append(kitLog(2).slice(1), head, { signal })).toMatchObject({ ok: false, code: "LEDGER_UNREACHABLE" })
    other.exec("ROLLBACK")
    other.close()
  })
})
