import { concatBytes, decodeCanonical, encodeCanonical, toHex, unwrap, type CborValue } from "@keygrove/base"
import { decodeCustodyState, encodeCustodyState, MAX_CUSTODY_STATE_BYTES } from "@keygrove/pieces"
import { describe, expect, test } from "vitest"
import { emptyLedger, foldEntry, type FoldedLedger } from "../chain.ts"
import { KitCustody } from "../custody-kit.contract.ts"
import { KeyChainIndex } from "../key-chain-index.ts"
import { kitFold, kitPrimitives, nodeRevokedEntry } from "../ledger-kit.contract.ts"
import { custodyOf, type ClusterState } from "../state.ts"
import { CUSTODY_RECORD_BYTES, custodyRecordsOf, isNextPart } from "./custody-records.ts"
import { decodeSnapshot } from "./decode-snapshot.ts"
import { encodeSnapshot } from "./encode-snapshot.ts"
import type { LedgerSnapshot } from "./snapshot.ts"

/** Members that joined, left and stayed behind; a generation in which one was moved, one that is starting, and an attempt that has not ended. */
function lived(): KitCustody {
  const kit = new KitCustody("snapshot of custody", 7, 6)
  kit.complete()
  kit.complete(4)
  kit.beginMove(kit.node(1), kit.node(5), [1, 2])
  kit.endMove(kit.node(1), kit.node(5), [1, 2])
  kit.beginMove(kit.node(2), kit.node(6), [1, 2])
  kit.wipe(kit.node(4), 1)
  kit.leave(kit.node(4))
  kit.join(kit.node(7))
  kit.start(kit.node(7))
  kit.share(kit.node(7))
  return kit
}

function snapshotOf(entries: readonly Uint8Array[]): LedgerSnapshot {
  const chains = new KeyChainIndex()
  let ledger: FoldedLedger = emptyLedger()
  for (const bytes of entries) {
    const step = unwrap(foldEntry(kitPrimitives, ledger, bytes))
    ledger = step.ledger
    chains.take(kitPrimitives, step)
  }
  return { ...ledger, keyChains: chains.copy() }
}

describe("custody in a snapshot", () => {
  const kit = lived()

  test("goes on as the original does, wherever the snapshot was taken", () => {
    const { cluster } = kit.root
    for (let length = 8; length <= kit.entries.length; length += 7) {
      const { keyChains: _chains, ...restored } = unwrap(decodeSnapshot(encodeSnapshot(snapshotOf(kit.entries.slice(0, length)))))
      const { ledger, verdicts } = kitFold(kit.entries.slice(length), restored)
      expect(verdicts.every((verdict) => verdict === "applied")).toBe(true)
      expect(toHex(encodeCustodyState(custodyOf(ledger.state, cluster)))).toBe(toHex(encodeCustodyState(kit.custody)))
      expect([...ledger.state.bootKeys.entries()]).toEqual([...kit.ledger.state.bootKeys.entries()])
    }
  })

  test("is refused when it does not fit the nodes and boot keys beside it", () => {
    const whole = snapshotOf(kit.entries)
    const { state } = whole
    const [cluster] = state.clusters.values()
    const { cluster: id } = kit.root
    if (cluster?.custody === undefined) throw new TypeError("there is a cluster with custody")
    const ended = snapshotOf([...kit.entries, nodeRevokedEntry(kit.root, kit.node(1))])
    const foreign: readonly LedgerSnapshot[] = [
      { ...whole, state: { ...state, bootKeys: snapshotOf(kit.entries.slice(0, 16)).state.bootKeys } },
      {
        ...ended,
        state: { ...ended.state, clusters: ended.state.clusters.set(id, { ...unwrapCluster(ended, id), custody: cluster.custody }) },
      },
      { ...snapshotOf(kit.entries.slice(0, 30)), state },
    ]
    for (const snapshot of foreign) expect(decodeSnapshot(encodeSnapshot(snapshot))).toMatchObject({ ok: false, code: "SNAPSHOT_INVALID" })
  })

  test("comes in parts that follow each other, all but the last of them full", () => {
    const { bytes } = [...custodyRecordsOf(unwrapCluster(snapshotOf(kit.entries), kit.root.cluster))][0] ?? {}
    expect(bytes).toEqual(encodeCustodyState(kit.custody))
    const full = new Uint8Array(CUSTODY_RECORD_BYTES)
    const { cluster } = kit.root
    expect(isNextPart([], [cluster, 0, full])).toBe(true)
    expect(isNextPart([full], [cluster, 1, full])).toBe(true)
    expect(isNextPart([full], [cluster, 2, full])).toBe(false)
    expect(isNextPart([full.subarray(1)], [cluster, 1, full])).toBe(false)
  })
})

function unwrapCluster({ state }: LedgerSnapshot, id: KitCustody["root"]["cluster"]): ClusterState {
  const cluster = state.clusters.get(id)
  if (cluster === undefined) throw new TypeError("the cluster is there")
  return cluster
}

describe("the state of custody", () => {
  const kit = lived()
  const bytes = encodeCustodyState(kit.custody)
  const value = unwrap(decodeCanonical(bytes, MAX_CUSTODY_STATE_BYTES))

  test("is what it was after it was encoded", () => {
    expect(toHex(encodeCustodyState(unwrap(decodeCustodyState(bytes))))).toBe(toHex(bytes))
  })

  /** The state with something at a place in it changed. */
  const changed = (tree: CborValue, [step, ...path]: readonly (string | number)[], change: (value: CborValue) => CborValue): CborValue => {
    if (step === undefined) return change(tree)
    if (Array.isArray(tree)) return tree.map((each: CborValue, place) => (place === step ? changed(each, path, change) : each))
    if (typeof tree !== "object" || tree === null || tree instanceof Uint8Array) throw new TypeError(`nothing at ${step}`)
    return Object.fromEntries(Object.entries(tree).map(([name, each]) => [name, name === step ? changed(each, path, change) : each]))
  }
  const turned = (list: CborValue): CborValue => (Array.isArray(list) ? list.toReversed() : list)

  test.each<readonly [string, readonly (string | number)[], (value: CborValue) => CborValue]>([
    ["members out of order", ["members"], turned],
    ["generations out of order", ["generations"], turned],
    ["members of a generation out of order", ["generations", 0, "members"], turned],
    ["sharings out of order", ["generations", 0, "sharings"], turned],
    ["pieces out of order", ["generations", 1, "sharings", 0, "held"], turned],
    ["a piece twice", ["generations", 1, "sharings", 0, "held", 0], () => 3],
    ["a piece of nobody", ["generations", 1, "sharings", 0, "held"], () => [2, 3, 200]],
    ["a piece of one that left", ["generations", 1, "sharings", 0, "held"], () => [2, 3, 4]],
    ["an owner's own piece", ["generations", 1, "sharings", 0, "held"], () => [1, 2, 3]],
    ["a sharing of one that left", ["generations", 1, "sharings", 0, "owner"], () => "/n04"],
    ["too few commitments", ["generations", 1, "sharings", 0, "commitments"], (list) => (Array.isArray(list) ? list.slice(1) : list)],
    ["a move from a later generation", ["generations", 1, "sharings", 3, "moved", "from"], () => 3],
    ["an attempt of one that has a sharing", ["generations", 1, "attempts", 0, "owner"], () => "/n01"],
    ["a starting generation that is not the last", ["lastGeneration"], () => 4],
    ["a generation that has not begun", ["lastGeneration"], () => 2],
    ["a member that has left", ["left", 0, "path"], () => "/n01"],
    ["two members of a generation", ["generations", 0, "members"], (list) => (Array.isArray(list) ? list.slice(0, 2) : list)],
    ["another field", ["members", 0], (member) => ({ ...(typeof member === "object" && !Array.isArray(member) ? member : {}), more: 1 })],
  ])("is refused with %s", (_what, path, change) => {
    const forged = encodeCanonical(changed(value, path, change))
    expect(toHex(forged)).not.toBe(toHex(bytes))
    expect(decodeCustodyState(forged)).toMatchObject({ ok: false, code: "CUSTODY_STATE_INVALID" })
  })

  test("is refused when it is cut off, or longer than any can be", () => {
    expect(decodeCustodyState(bytes.subarray(1)).ok).toBe(false)
    expect(decodeCustodyState(concatBytes(bytes, Uint8Array.of(0))).ok).toBe(false)
  })
})
