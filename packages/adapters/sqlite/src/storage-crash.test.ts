import { spawn } from "node:child_process"
import { once } from "node:events"
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { createInterface } from "node:readline"
import { fileURLToPath } from "node:url"
import { unwrap } from "@keygrove/base"
import { afterEach, beforeEach, expect, test } from "vitest"
import { SqliteStorage } from "./storage.ts"

const call = { signal: AbortSignal.timeout(600_000) }
let directory = ""

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "keygrove-crash-"))
})
afterEach(() => rmSync(directory, { recursive: true }))

/** Starts a writer, kills it with SIGKILL once `lines` writes were acknowledged, and gives the last acknowledged number. */
async function killMidWrite(path: string, first: number, lines: number): Promise<number> {
  const child = spawn(process.execPath, [fileURLToPath(new URL("storage-crash-child.ts", import.meta.url)), path, String(first)], {
    stdio: ["ignore", "pipe", "inherit"],
  })
  const closed = once(child, "close")
  let last = first - 1
  let seen = 0
  for await (const line of createInterface({ input: child.stdout })) {
    last = Number(line)
    if (++seen === lines) child.kill("SIGKILL")
  }
  await closed
  expect(child.signalCode).toBe("SIGKILL")
  return last
}

test(
  "survives 50 SIGKILLs in the middle of writing: the acknowledged is there, and every write is whole",
  { timeout: 300_000 },
  async () => {
    const path = join(directory, "node.db")
    let next = 0
    for (let round = 0; round < 50; round++) {
      const acknowledged = await killMidWrite(path, next, 1 + ((round * 7) % 23))
      await using storage = unwrap(SqliteStorage.open({ path }))
      const [receipts, fragments] = [
        unwrap(await storage.list("receipt", { limit: 100 }, call)),
        unwrap(await storage.list("fragment", { limit: 100 }, call)),
      ]
      expect(fragments).toEqual(receipts)
      const numbers = receipts.map(({ value }) =>
        typeof value === "object" && value !== null && "number" in value ? Number(value.number) : -1,
      )
      expect(Math.max(...numbers)).toBeGreaterThanOrEqual(acknowledged)
      // At most the one write whose acknowledgement was not read any more.
      next = Math.max(...numbers) + 1
    }
  },
)
