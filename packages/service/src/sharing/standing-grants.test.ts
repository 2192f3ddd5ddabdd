import { expect, test } from "vitest"
import {
  clusterEntry,
  kitBytes,
  kitChild,
  kitEpochKeys,
  kitFold,
  kitPoint,
  kitRoot,
  nodeEntry,
  nodeRevokedEntry,
  rekeyEntry,
  rootReplacedEntry,
  type KitNode,
} from "../../../core/ledger/src/ledger-kit.contract.ts"
import { readerNow } from "./standing-grants.ts"

const root = kitRoot("reader")
const phone = kitChild(root, "/phone")
const next = kitChild(root, "/phone", 2)
const known = [clusterEntry(root), nodeEntry(root, phone), rekeyEntry(phone, 1)]
const keysIn = (epoch: number, node = phone) => {
  const { encryptionKey, signingKey } = kitEpochKeys(node, epoch)
  return { encryptionKey, signingKey }
}
const reader = (...more: readonly Uint8Array[]) => readerNow(kitFold([...known, ...more]).ledger.state, keysIn(1), root.cluster)

test("a reader is the node that its policy names, under the keys that it has now", () => {
  expect(reader()).toEqual(keysIn(1))
  expect(reader(rekeyEntry(phone, 2), rekeyEntry(phone, 3))).toEqual(keysIn(3))
})

test("nothing is made again for a generation that was revoked or replaced, whatever came after it", () => {
  expect(reader(nodeRevokedEntry(root, phone, { isLast: true }))).toBeUndefined()
  expect(reader(rekeyEntry(phone, 2), nodeEntry(root, next), rekeyEntry(next, 1))).toBeUndefined()
})

test("a reader that the ledger never heard of keeps the keys that it gave", () => {
  const stranger = { encryptionKey: kitPoint("stranger"), signingKey: kitBytes("stranger") }
  expect(readerNow(kitFold(known).ledger.state, stranger, root.cluster)).toBe(stranger)
})

test("a reader whose root was replaced is none, but below the owner's own root where it has moved", () => {
  const successor = kitRoot("reader's next")
  const moved = kitChild(successor, "/phone")
  const replaced = [clusterEntry(successor), nodeEntry(successor, moved), rootReplacedEntry(root, successor)]
  const seenFrom = (own: KitNode, ...more: readonly Uint8Array[]) =>
    readerNow(kitFold([...known, ...replaced, ...more]).ledger.state, keysIn(1), own.cluster)
  expect(seenFrom(kitRoot("owner"), rekeyEntry(moved, 1))).toBeUndefined()
  expect(seenFrom(successor)).toBeUndefined()
  expect(seenFrom(successor, rekeyEntry(moved, 1))).toEqual(keysIn(1, moved))
})
