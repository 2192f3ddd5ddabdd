import { describe, expect, test } from "vitest"
import {
  clusterEntry,
  kitChild,
  kitFold,
  kitKey,
  kitRoot,
  nodeEntry,
  nodeRevokedEntry,
  rekeyEntry,
  signingName,
} from "../../ledger/src/ledger-kit.contract.ts"
import { standingOfKey } from "./key-standing.ts"

const root = kitRoot("alice")
const laptop = kitChild(root, "/laptop")
const phone = kitChild(laptop, "/laptop/phone")
const again = kitChild(root, "/laptop", 2)
const keyOf = (node: typeof laptop, epoch: number): Uint8Array => kitKey(signingName(node, epoch))
/** Entries 0 to 6; the phone is in its third epoch. */
const log = [
  clusterEntry(root),
  nodeEntry(root, laptop),
  rekeyEntry(laptop, 1),
  nodeEntry(laptop, phone),
  rekeyEntry(phone, 1),
  rekeyEntry(phone, 2),
  rekeyEntry(phone, 3),
]

describe("the standing of a key", () => {
  const { state } = kitFold(log).ledger

  test("is that of the node whose current key it is", () => {
    expect(standingOfKey(state, keyOf(laptop, 1))).toMatchObject({ kind: "current", node: { path: "/laptop" } })
    expect(standingOfKey(state, keyOf(phone, 3))).toMatchObject({ kind: "current", node: { path: "/laptop/phone" } })
  })

  test("names the rekey that ended the key before, and only that one is of the epoch before", () => {
    expect(standingOfKey(state, keyOf(phone, 2))).toMatchObject({ kind: "before", node: { path: "/laptop/phone" }, endedAt: 6 })
    expect(standingOfKey(state, keyOf(phone, 1))).toMatchObject({ kind: "ended", endedAt: 6 })
  })

  test("is unknown of a key that nobody named, and of an anchor", () => {
    expect(standingOfKey(state, kitKey("mallory"))).toEqual({ kind: "unknown" })
    expect(standingOfKey(state, keyOf(phone, 4))).toEqual({ kind: "unknown" })
    expect(standingOfKey(state, kitKey("root alice"))).toEqual({ kind: "unknown" })
  })

  test.each([
    { name: "revoked", entry: nodeRevokedEntry(root, laptop, { isLast: true }) },
    { name: "replaced", entry: nodeEntry(root, again) },
  ])("ends with the node that was $name, and with every node below it", ({ entry }) => {
    const { ledger, verdicts } = kitFold([...log, entry, nodeEntry(root, kitChild(root, "/other"))])
    expect(verdicts).toEqual(verdicts.map(() => "applied"))
    for (const key of [keyOf(laptop, 1), keyOf(phone, 3), keyOf(phone, 1)])
      expect(standingOfKey(ledger.state, key)).toEqual({ kind: "ended", cluster: root.cluster, endedAt: 7 })
  })

  test("does not come back with a later generation at the same path", () => {
    const later = [nodeRevokedEntry(root, laptop, { isLast: true }), nodeEntry(root, again), rekeyEntry(again, 1)]
    const { ledger } = kitFold([...log, ...later])
    expect(standingOfKey(ledger.state, keyOf(laptop, 1))).toMatchObject({ kind: "ended", endedAt: 7 })
    expect(standingOfKey(ledger.state, keyOf(again, 1))).toMatchObject({ kind: "current", node: { generation: 2 } })
  })
})
