import { unwrap } from "@keygrove/base"
import { decodeLedgerIndex, emptyHead } from "@keygrove/ledger"
import { MemoryLedgerEngine } from "@keygrove/memory"
import { LedgerCopyEngine } from "@keygrove/service"
import { expect, test } from "vitest"
import { kitLog, kitPrimitives } from "../../packages/core/ledger/src/ledger-kit.contract.ts"

const call = { signal: new AbortController().signal }
const UNREACHABLE = { code: "LEDGER_UNREACHABLE" }

test("a copy of a ledger serves what it has, and neither learns nor appends", async () => {
  const [first = new Uint8Array(0), second = new Uint8Array(0), third = new Uint8Array(0)] = kitLog(3).map((entry) =>
    Uint8Array.from(entry),
  )
  const log = new MemoryLedgerEngine(kitPrimitives)
  const head = unwrap(await log.append([first, second], emptyHead(), call))
  await using copy = new LedgerCopyEngine(log)
  expect(await copy.head(call)).toEqual(head)
  const start = unwrap(decodeLedgerIndex(0))
  expect(unwrap(await copy.read(start, 10, call)).entries).toEqual([first, second])
  const { value } = await copy.watch(start, call)[Symbol.asyncIterator]().next()
  expect(value.entries).toEqual([first, second])
  expect(await copy.append([third], head, call)).toMatchObject(UNREACHABLE)
  expect(await copy.refresh(call)).toMatchObject(UNREACHABLE)
  expect(await copy.head(call)).toEqual(head)
  const over = { signal: AbortSignal.abort(new Error("enough")) }
  await expect(copy.append([third], head, over)).rejects.toThrow("enough")
  await expect(copy.refresh(over)).rejects.toThrow("enough")
})
