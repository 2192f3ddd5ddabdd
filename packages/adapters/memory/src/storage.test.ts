import { expect, test } from "vitest"
import { storageContract } from "../../../service/src/ports/storage.contract.ts"
import { MemoryStorage } from "./storage.ts"

storageContract("memory", { open: async () => new MemoryStorage() })

test("a full disk refuses puts, never removals", async () => {
  await using storage = new MemoryStorage()
  const call = { signal: AbortSignal.timeout(600_000) }
  storage.setFull(true)
  expect(await storage.write([{ kind: "put", collection: "label", key: "a", value: 1 }], call)).toMatchObject({
    ok: false,
    code: "DISK_FULL",
  })
  expect(await storage.write([{ kind: "remove", collection: "label", key: "a" }], call)).toMatchObject({ ok: true })
})
