import { encode } from "cborg"
import { describe, expect, test } from "vitest"
import { checkHistory, headsOf } from "./check-history.ts"
import type { AppendRecord, History, Outcome, StoredEntry } from "./history.ts"
import { entryToken, offerToken } from "./tokens.ts"

const entries = Array.from({ length: 6 }, (_, index) => encode({ v: 1, kind: "node", body: encode(index), path: "/" }))
const heads = headsOf(entries.map((bytes) => ({ bytes })))
const log: readonly StoredEntry[] = chained(entries)

/** Entries as an engine stores them that believes in their order. */
function chained(stored: readonly Uint8Array[]): readonly StoredEntry[] {
  const after = headsOf(stored.map((bytes) => ({ bytes })))
  return stored.map((bytes, index) => ({ index, bytes, head: after[index + 1] ?? "", writes: 1 }))
}

/** The entry that was sent when the clock stood at its index, and stands there. */
function append(index: number, outcome: Outcome = acknowledged(index), times: Partial<AppendRecord> = {}): AppendRecord {
  return { node: "n1", token: entryToken(bytesOf(index)), start: 10 * index, end: 10 * index + 5, outcome, ...times }
}

function acknowledged(index: number): Outcome {
  return { kind: "acknowledged", length: index + 1, head: heads[index + 1] ?? "" }
}

function bytesOf(index: number): Uint8Array {
  return entries[index] ?? encode({ v: 1, kind: "node", body: encode(index), path: "/never" })
}

/** `n` has entry 0; who writes is known by all others. */
const sound: History = {
  appends: [1, 2, 3, 4, 5].map((index) => append(index)),
  heads: [0, 3, 6].map((length) => ({ node: "n1", start: 100 + length, end: 101 + length, length, head: heads[length] ?? "" })),
}

function kindsOf(stored: readonly StoredEntry[], history: Partial<History>): readonly string[] {
  return checkHistory(stored, { ...sound, ...history }).map(({ kind }) => kind)
}

describe("finds nothing wrong with", () => {
  test("a sound history", () => expect(checkHistory(log, sound)).toEqual([]))

  test("an empty one", () => expect(checkHistory([], { appends: [], heads: [] })).toEqual([]))

  test("appends that overlap in time, in any order", () => {
    const together = sound.appends.map((each) => ({ ...each, start: 0, end: 1_000 }))
    expect(checkHistory(log, { ...sound, appends: together })).toEqual([])
  })

  test("an unknown append that stands, and one that does not", () => {
    const unknown: Outcome = { kind: "unknown", code: "LEDGER_UNREACHABLE" }
    expect(checkHistory(log, { ...sound, appends: [append(5, unknown, { end: 0 }), append(9, unknown)] })).toEqual([])
  })

  test("an unknown append that took effect long after it was given up", () => {
    const early = append(5, { kind: "unknown", code: "TIMEOUT" }, { start: 0, end: 1 })
    expect(checkHistory(log, { ...sound, appends: [...sound.appends.slice(0, 4), early] })).toEqual([])
  })

  test("a refused append that does not stand", () => {
    expect(checkHistory(log, { ...sound, appends: [append(9, { kind: "refused", code: "NODE_LIMIT" })] })).toEqual([])
  })

  test("heads of a node that were asked for at the same time", () => {
    const [, second, third] = sound.heads
    if (second === undefined || third === undefined) throw new Error("no heads")
    expect(checkHistory(log, { ...sound, heads: [third, { ...second, start: third.start, end: third.end + 1 }] })).toEqual([])
  })
})

describe("finds", () => {
  test("a lost acknowledgement", () => {
    expect(kindsOf(log, { appends: [append(9, { kind: "acknowledged" })] })).toEqual(["lost"])
  })

  test("an acknowledgement that named another place", () => {
    expect(kindsOf(log, { appends: [append(2, { ...acknowledged(3) })] })).toEqual(["lost"])
  })

  test("a double, of whatever was told", () => {
    const doubled = chained([...entries, bytesOf(2)])
    for (const outcome of [acknowledged(2), { kind: "unknown", code: "X" } as const, { kind: "refused", code: "X" } as const])
      expect(kindsOf(doubled, { appends: [append(2, outcome)] })).toEqual(["double"])
  })

  test("a double of what a node signed twice", () => {
    const offer = (revision: number): Uint8Array =>
      encode({ v: 1, kind: "proxy-terms", body: encode({ revision, capacity: 77 }), path: "/n1" })
    const stored = chained([1, 2].map(offer))
    const sent = { node: "n1", token: offerToken("/n1", 77), start: 0, end: 1, outcome: { kind: "unknown", code: "X" } } as const
    expect(kindsOf(stored, { appends: [sent], heads: [] })).toEqual(["double"])
    expect(kindsOf(stored.slice(1, 1), { appends: [sent], heads: [] })).toEqual([])
  })

  test("a reorder", () => {
    const late = append(2, acknowledged(2), { start: 45, end: 46 })
    expect(kindsOf(log, { appends: [append(1), late, append(3), append(4)] })).toEqual(["order"])
  })

  test("a reorder of an append that nobody was told about", () => {
    const unknown = append(1, { kind: "unknown", code: "X" }, { start: 90, end: 95 })
    expect(kindsOf(log, { appends: [append(2), unknown] })).toEqual(["order"])
  })

  test("a fork that a node saw", () => {
    const other = headsOf([...log.slice(0, 4), ...log.slice(0, 1)])
    expect(kindsOf(log, { heads: [{ node: "n2", start: 0, end: 1, length: 5, head: other[5] ?? "" }] })).toEqual(["fork"])
  })

  test("a fork that only an acknowledgement told of", () => {
    expect(kindsOf(log, { appends: [append(2, { kind: "acknowledged", length: 3, head: heads[4] ?? "" })] })).toEqual(["fork"])
  })

  test("a log that ends before what a node saw", () => {
    expect(kindsOf(log.slice(0, 5), {})).toEqual(expect.arrayContaining(["fork", "lost"]))
  })

  test("a changed byte of an entry", () => {
    const changed = log.map((each) =>
      each.index === 4 ? { ...each, bytes: Uint8Array.from(each.bytes, (byte, at) => (at === 0 ? byte ^ 1 : byte)) } : each,
    )
    expect(kindsOf(changed, {})).toEqual(expect.arrayContaining(["fork", "lost"]))
  })

  test("a stored head that is not the chain's", () => {
    const wrong = log.map((each) => (each.index === 2 ? { ...each, head: heads[2] ?? "" } : each))
    expect(kindsOf(wrong, {})).toEqual(["fork"])
  })

  test("a gap", () => {
    const holed = log.filter(({ index }) => index !== 3)
    expect(kindsOf(holed, { appends: [], heads: [] })).toEqual(["gap", "gap", "fork", "fork"])
  })

  test("an entry that was written over", () => {
    expect(
      kindsOf(
        log.map((each) => (each.index === 3 ? { ...each, writes: 2 } : each)),
        {},
      ),
    ).toEqual(["rewritten"])
  })

  test("a refused append that stands", () => {
    expect(kindsOf(log, { appends: [append(2, { kind: "refused", code: "NODE_GENERATION_STALE" })] })).toEqual(["refused"])
  })

  test("a fault of the program", () => {
    expect(kindsOf(log, { appends: [append(9, { kind: "unknown", code: "RPC_INTERNAL" })] })).toEqual(["crash"])
  })

  test("a node that forgot what it knew", () => {
    expect(kindsOf(log, { heads: sound.heads.map((each) => ({ ...each, start: -each.start, end: -each.start + 1 })) })).toEqual([
      "backwards",
      "backwards",
    ])
  })
})
