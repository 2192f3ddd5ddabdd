import { unwrap } from "@keygrove/base"
import { describe, expect, test } from "vitest"
import {
  clusterEntry,
  kitChild,
  kitFold,
  kitKey,
  kitPrimitives,
  kitRoot,
  nodeEntry,
  nodeRevokedEntry,
  rekeyEntry,
  signingName,
  termsEntry,
  trustEntry,
} from "../../ledger/src/ledger-kit.contract.ts"
import { judgeJoin } from "./judge-join.ts"

const root = kitRoot("alice")
const laptop = kitChild(root, "/laptop")
const phone = kitChild(laptop, "/laptop/phone")
const other = kitRoot("bob")
const desktop = kitChild(other, "/desktop")
const keyOf = (node: typeof laptop, epoch = 1): Uint8Array => kitKey(signingName(node, epoch))
const everybody = (): boolean => true

const founding = [clusterEntry(root), nodeEntry(root, laptop), rekeyEntry(laptop, 1)]
const invited = [...founding, nodeEntry(laptop, phone)]

const judge = (log: readonly Uint8Array[], from: Uint8Array, entries: readonly Uint8Array[], admits = everybody) =>
  judgeJoin(kitPrimitives, kitFold(log).ledger, { from, entries, admits })
const appended = (entries: readonly Uint8Array[]) => ({ kind: "append", entries })

describe("a stranger joins", () => {
  test("by founding a cluster", () => {
    expect(unwrap(judge([], keyOf(laptop), founding))).toEqual(appended(founding))
  })

  test("with the first keys of an invited child", () => {
    expect(unwrap(judge(invited, keyOf(phone), [rekeyEntry(phone, 1)]))).toEqual(appended([rekeyEntry(phone, 1)]))
  })

  test("with the rekeys of a time when it was away", () => {
    const away = [rekeyEntry(laptop, 2), rekeyEntry(laptop, 3)]
    expect(unwrap(judge(founding, keyOf(laptop, 3), away))).toEqual(appended(away))
  })

  test("with what the ledger has already in part, or wholly", () => {
    expect(unwrap(judge(founding.slice(0, 2), keyOf(laptop), founding))).toEqual(appended(founding.slice(2)))
    expect(unwrap(judge(founding, keyOf(laptop), founding))).toEqual(appended([]))
    const both = [...founding, nodeEntry(laptop, phone), rekeyEntry(phone, 1)]
    expect(unwrap(judge(founding, keyOf(phone), both))).toEqual(appended(both.slice(3)))
  })
})

describe("a stranger that is no stranger, but has ended", () => {
  const ended = { kind: "ended", endedAt: 4 }

  test.each([
    { name: "revoked", end: nodeRevokedEntry(laptop, phone) },
    { name: "replaced", end: nodeEntry(laptop, kitChild(laptop, "/laptop/phone", 2)) },
    { name: "replaced with its parent", end: nodeEntry(root, kitChild(root, "/laptop", 2)) },
  ])("was $name before it came", ({ end }) => {
    const gone = [...invited, end]
    expect(unwrap(judge(gone, keyOf(phone), [rekeyEntry(phone, 1)]))).toEqual(ended)
    expect(unwrap(judge(gone, keyOf(phone), [nodeEntry(laptop, phone), rekeyEntry(phone, 1)]))).toEqual(ended)
    expect(judge(gone, kitKey("mallory"), [rekeyEntry(phone, 1)])).toMatchObject({ ok: false, code: "JOIN_FOREIGN" })
    expect(judge(gone, keyOf(phone), [rekeyEntry(phone, 1)], () => false).ok).toBe(false)
  })

  test("was revoked after it had come", () => {
    const gone = [...founding, nodeEntry(laptop, phone), rekeyEntry(phone, 1), nodeRevokedEntry(laptop, phone)]
    expect(unwrap(judge(gone, keyOf(phone), [rekeyEntry(phone, 1)]))).toEqual({ kind: "ended", endedAt: 5 })
  })
})

describe("a stranger is refused", () => {
  test("that proves another key than its statements name", () => {
    expect(judge(invited, kitKey("mallory"), [rekeyEntry(phone, 1)])).toMatchObject({ ok: false, code: "JOIN_FOREIGN" })
    expect(judge(invited, keyOf(laptop), [rekeyEntry(phone, 1)])).toMatchObject({ ok: true })
  })

  test("whose certificate is not there", () => {
    expect(judge(founding, keyOf(phone), [rekeyEntry(phone, 1)])).toMatchObject({ ok: false, code: "JOIN_FOREIGN" })
  })

  test.each([
    { name: "a statement of another kind", more: termsEntry(laptop, 1, 1) },
    { name: "a trust", more: trustEntry(laptop, other, 1) },
    { name: "a removal", more: nodeRevokedEntry(root, laptop) },
    { name: "what is no entry", more: Uint8Array.of(1, 2, 3) },
    { name: "an entry with a wrong signature", more: founding[2]?.with(-1, ((founding[2].at(-1) ?? 0) + 1) & 255) ?? new Uint8Array(1) },
  ])("that sends $name with the rest", ({ more }) => {
    expect(judge([], keyOf(laptop), [...founding, more])).toMatchObject({ ok: false, code: "JOIN_MESSAGE_INVALID" })
  })

  test("that sends statements of another cluster with its own", () => {
    const theirs = [clusterEntry(other), nodeEntry(other, desktop), rekeyEntry(desktop, 1)]
    expect(judge([], keyOf(laptop), [...founding, ...theirs])).toMatchObject({ ok: false, code: "JOIN_FOREIGN" })
  })

  test("by a host that does not answer its cluster", () => {
    expect(judge([], keyOf(laptop), founding, () => false)).toMatchObject({ ok: false, code: "JOIN_CLOSED" })
    const asked: unknown[] = []
    const ask = (state: { readonly clusters: { readonly size: number } }, cluster: string): boolean => {
      asked.push([state.clusters.size, cluster])
      return true
    }
    expect(judgeJoin(kitPrimitives, kitFold([]).ledger, { from: keyOf(laptop), entries: founding, admits: ask }).ok).toBe(true)
    expect(asked).toEqual([[1, root.cluster]])
  })
})
