import { unwrap, type Refusal } from "@keygrove/base"
import * as fc from "fast-check"
import { describe, expect, test } from "vitest"
import { emptyLedger, foldEntries, foldEntry, type FoldedLedger } from "./chain.ts"
import { isSameHead, type LedgerHead } from "./head.ts"
import { kitLog, kitPrimitives } from "./ledger-kit.contract.ts"

const log = kitLog(12)

/** Folds as far as possible; the index of the first entry that makes the log corrupt, if any. */
function replay(entries: readonly Uint8Array[]): { readonly ledger: FoldedLedger; readonly corruptAt?: number } {
  let ledger = emptyLedger()
  for (const bytes of entries) {
    const folded = foldEntry(kitPrimitives, ledger, bytes)
    if (!folded.ok) {
      expect(folded).toMatchObject({ code: "LEDGER_CORRUPT", data: { index: ledger.head.length } })
      return { ledger, corruptAt: ledger.head.length }
    }
    ledger = folded.value.ledger
  }
  return { ledger }
}

/** What is folded of entries that are verified in portions of some sizes, and why it ended. */
function replayTogether(
  entries: readonly Uint8Array[],
  portions: readonly number[],
): { readonly heads: readonly LedgerHead[]; readonly why?: Refusal } {
  let ledger = emptyLedger()
  const heads: LedgerHead[] = []
  for (let [from, turn] = [0, 0]; from < entries.length; turn++) {
    const portion = entries.slice(from, from + (portions[turn % portions.length] ?? 1))
    from += portion.length
    for (const step of foldEntries(kitPrimitives, ledger, portion)) {
      if (!step.ok) return { heads, why: step }
      ledger = step.value.ledger
      heads.push(ledger.head)
    }
  }
  return { heads }
}

const honest = replay(log).ledger.head

/** Whether a log is noticed as not the honest one, by an entry or by the head. */
const isDetected = (entries: readonly Uint8Array[]): boolean => {
  const { ledger, corruptAt } = replay(entries)
  return corruptAt !== undefined || !isSameHead(ledger.head, honest)
}

describe("tampering with a log", () => {
  test("the honest log gives the honest head", () => expect(isDetected(log)).toBe(false))

  test("any flipped bit is detected, and a flip inside an entry names its index", () => {
    fc.assert(
      fc.property(fc.nat(log.length - 1), fc.nat(), fc.nat(7), (index, at, bit) => {
        const bytes = Uint8Array.from(log[index] ?? [])
        const position = at % bytes.length
        bytes[position] = (bytes[position] ?? 0) ^ (1 << bit)
        expect(replay(log.with(index, bytes)).corruptAt).toBe(index)
      }),
      { numRuns: 300 },
    )
  })

  test("any reordering, truncation, repetition and splice is detected", () => {
    const other = kitLog(12, "other")
    fc.assert(
      fc.property(fc.nat(log.length - 2), fc.nat(log.length - 2), (a, b) => {
        const [low, high] = [Math.min(a, b), Math.max(a, b) + 1]
        expect(isDetected(log.with(low, log[high] ?? new Uint8Array(0)).with(high, log[low] ?? new Uint8Array(0)))).toBe(true)
        expect(isDetected(log.slice(0, high))).toBe(true)
        expect(isDetected([...log.slice(0, low), ...log.slice(low + 1)])).toBe(true)
        expect(isDetected([...log.slice(0, high), ...log.slice(low)])).toBe(true)
        expect(isDetected(log.with(low, other[low] ?? new Uint8Array(0)))).toBe(true)
        expect(isDetected([...log.slice(0, high), ...other.slice(high)])).toBe(true)
      }),
    )
  })

  test("trailing bytes, other scopes and oversized entries are corrupt", () => {
    for (const bytes of [Uint8Array.of(...(log[0] ?? []), 0), new Uint8Array(65_537), new Uint8Array(0)])
      expect(replay([bytes]).corruptAt).toBe(0)
  })
})

test("the head chains as the protocol says", () => {
  const [first = new Uint8Array(0)] = log
  const { sha256 } = kitPrimitives
  const folded = unwrap(foldEntry(kitPrimitives, emptyLedger(), first))
  expect(folded.ledger.head.hash).toEqual(sha256(new Uint8Array(32), sha256(first)))
})

describe("entries that are verified together", () => {
  /** A bit that is another: anywhere, or in the fingerprint at the end, which leaves the form as it is, so that only the signature does not hold. */
  const damage = fc.record({
    index: fc.nat(log.length - 1),
    where: fc.oneof(fc.constant("fingerprint" as const), fc.nat()),
    bit: fc.nat(7),
  })

  test("have the verdicts that each has alone, wherever and however many are bad", () => {
    const portions = fc.array(fc.integer({ min: 1, max: log.length }), { minLength: 1, maxLength: 4 })
    fc.assert(
      fc.property(fc.array(damage, { maxLength: 3 }), portions, (damages, sizes) => {
        const entries = log.map((entry) => Uint8Array.from(entry))
        for (const { bit, index, where } of damages) {
          const bytes = entries[index] ?? new Uint8Array(0)
          const at = where === "fingerprint" ? bytes.length - 1 : where % bytes.length
          bytes[at] = (bytes[at] ?? 0) ^ (1 << bit)
        }
        const heads: LedgerHead[] = []
        let [ledger, why]: [FoldedLedger, Refusal | undefined] = [emptyLedger(), undefined]
        for (const bytes of entries) {
          const alone = foldEntry(kitPrimitives, ledger, bytes)
          if (!alone.ok) {
            why = alone
            break
          }
          ledger = alone.value.ledger
          heads.push(ledger.head)
        }
        expect(replayTogether(entries, sizes)).toEqual(why === undefined ? { heads } : { heads, why })
      }),
      { numRuns: 300 },
    )
  })

  test("give one step at a time, and none of none", () => {
    const steps = foldEntries(kitPrimitives, emptyLedger(), log)
    expect(steps.next()).toMatchObject({ value: { ok: true, value: { judged: { index: 0 } } } })
    steps.return(undefined)
    expect([...steps]).toEqual([])
    expect([...foldEntries(kitPrimitives, emptyLedger(), [])]).toEqual([])
  })
})
