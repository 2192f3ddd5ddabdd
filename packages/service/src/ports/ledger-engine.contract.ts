import { unwrap } from "@keygrove/base"
import {
  advanceIndex,
  decodeLedgerIndex,
  emptyHead,
  isSameHead,
  MAX_BATCH_ENTRIES,
  nextHead,
  type LedgerHead,
  type LedgerIndex,
} from "@keygrove/ledger"
import { describe, expect, test } from "vitest"
import { kitLog, kitPrimitives } from "../../../core/ledger/src/ledger-kit.contract.ts"
import type { LedgerEngine, LedgerSlice } from "./ledger-engine.ts"

/** How a suite gets its engines. */
export interface LedgerEngineSubject {
  /** A fresh, empty ledger. */
  open(): Promise<LedgerEngine>
}

const signal = new AbortController().signal
const at = (index: number): LedgerIndex => unwrap(decodeLedgerIndex(index))

function headOf(entries: readonly Uint8Array[]): LedgerHead {
  return entries.reduce((head, entry) => nextHead(kitPrimitives, head, entry), emptyHead())
}

async function take(slices: AsyncIterable<LedgerSlice>, count: number): Promise<Uint8Array[]> {
  const entries: Uint8Array[] = []
  for await (const slice of slices) {
    entries.push(...slice.entries)
    if (entries.length >= count) break
  }
  return entries
}

/** The suite that every ledger engine passes. */
export function ledgerEngineContract(name: string, subject: LedgerEngineSubject): void {
  describe(`ledger engine: ${name}`, () => {
    test("starts empty", async () => {
      await using engine = await subject.open()
      expect(await engine.head({ signal })).toEqual(emptyHead())
      expect(unwrap(await engine.read(at(0), 10, { signal })).entries).toEqual([])
    })

    test("appends a batch whole and gives the chained head", async () => {
      await using engine = await subject.open()
      const log = kitLog(5)
      const head = unwrap(await engine.append(log, emptyHead(), { signal }))
      expect(head).toEqual(headOf(log))
      expect(await engine.head({ signal })).toEqual(head)
      const slice = unwrap(await engine.read(at(2), 2, { signal }))
      expect(slice.entries.map((entry) => Buffer.from(entry))).toEqual(log.slice(2, 4).map((entry) => Buffer.from(entry)))
      expect(Buffer.from(slice.before)).toEqual(Buffer.from(headOf(log.slice(0, 2)).hash))
    })

    test("refuses an append at another head and keeps the log", async () => {
      await using engine = await subject.open()
      const log = kitLog(3)
      const first = unwrap(await engine.append(log.slice(0, 1), emptyHead(), { signal }))
      expect(await engine.append(log.slice(1), emptyHead(), { signal })).toMatchObject({ ok: false, code: "LEDGER_HEAD_MOVED" })
      const forged = { length: first.length, hash: new Uint8Array(32).fill(7) }
      expect(await engine.append(log.slice(1), forged, { signal })).toMatchObject({ ok: false, code: "LEDGER_HEAD_MOVED" })
      expect(isSameHead(await engine.head({ signal }), first)).toBe(true)
    })

    test("of concurrent appends at one head exactly one succeeds", async () => {
      await using engine = await subject.open()
      const batches = Array.from({ length: 8 }, (_, index) => kitLog(2, `race ${index}`))
      const results = await Promise.all(batches.map((batch) => engine.append(batch, emptyHead(), { signal })))
      expect(results.filter((result) => result.ok)).toHaveLength(1)
      expect((await engine.head({ signal })).length).toBe(2)
    })

    test("refuses malformed, badly signed, empty and oversized batches", async () => {
      await using engine = await subject.open()
      const [entry = new Uint8Array(0)] = kitLog(1)
      const broken = Uint8Array.from(entry)
      broken[broken.length - 1] = (broken.at(-1) ?? 0) ^ 1
      for (const batch of [[broken], [entry, new Uint8Array([1])], [], Array.from({ length: MAX_BATCH_ENTRIES + 1 }, () => entry)]) {
        expect(await engine.append(batch, emptyHead(), { signal })).toMatchObject({ ok: false, code: "LEDGER_ENTRY_INVALID" })
      }
      expect((await engine.head({ signal })).length).toBe(0)
    })

    test("watches from any index and wakes on appends", async () => {
      await using engine = await subject.open()
      const log = kitLog(6)
      const head = unwrap(await engine.append(log.slice(0, 3), emptyHead(), { signal }))
      const watched = take(engine.watch(at(1), { signal }), 5)
      const middle = unwrap(await engine.append(log.slice(3, 4), head, { signal }))
      unwrap(await engine.append(log.slice(4), middle, { signal }))
      expect((await watched).map((entry) => Buffer.from(entry))).toEqual(log.slice(1).map((entry) => Buffer.from(entry)))
    })

    test("leaves out of a watch what the caller has from elsewhere", async () => {
      await using engine = await subject.open()
      const log = kitLog(7)
      let known = at(0)
      const head = unwrap(await engine.append(log.slice(0, 2), emptyHead(), { signal }))
      const slices = engine.watch(at(1), { signal, known: () => known })[Symbol.asyncIterator]()
      expect(await slices.next()).toMatchObject({ value: { from: 1, entries: [{}] } })
      const second = slices.next()
      known = at(4)
      const own = unwrap(await engine.append(log.slice(2, 4), head, { signal }))
      const longer = unwrap(await engine.append(log.slice(4, 5), own, { signal }))
      expect(await second).toMatchObject({ value: { from: 4, entries: [{}] } })
      // Beyond what the engine has: nothing is given until it has more.
      known = at(6)
      const third = slices.next()
      unwrap(await engine.append(log.slice(5), longer, { signal }))
      expect(await third).toMatchObject({ value: { from: 6, entries: [{}] } })
    })

    test("ends a watch with its signal", async () => {
      await using engine = await subject.open()
      const stop = new AbortController()
      const watched = take(engine.watch(at(0), { signal: stop.signal }), 1)
      stop.abort()
      expect(await watched).toEqual([])
    })

    test("ends a watch when it is disposed of", async () => {
      const engine = await subject.open()
      const watched = take(engine.watch(at(0), { signal }), 1)
      await engine[Symbol.asyncDispose]()
      expect(await watched).toEqual([])
    })

    test("honours an aborted signal", async () => {
      await using engine = await subject.open()
      const aborted = AbortSignal.abort(new Error("stopped"))
      await expect(engine.append(kitLog(1), emptyHead(), { signal: aborted })).rejects.toThrow("stopped")
      await expect(engine.read(at(0), 1, { signal: aborted })).rejects.toThrow("stopped")
      await expect(engine.head({ signal: aborted })).rejects.toThrow("stopped")
    })

    test("gives long logs in limited slices", async () => {
      await using engine = await subject.open()
      const log = kitLog(300)
      let head = emptyHead()
      for (let from = 0; from < log.length; from += MAX_BATCH_ENTRIES)
        head = unwrap(await engine.append(log.slice(from, from + MAX_BATCH_ENTRIES), head, { signal }))
      const first = unwrap(await engine.read(at(0), 10_000, { signal }))
      expect(first.entries.length).toBeLessThanOrEqual(256)
      expect((await take(engine.watch(at(0), { signal }), 300)).length).toBe(300)
      expect(unwrap(await engine.read(advanceIndex(at(0), 300), 10, { signal })).entries).toEqual([])
    })
  })
}
