import { unwrap } from "@keygrove/base"
import { decodeKeyChainHead, emptyKeyChain, extendKeyChain, finishKeyChain, type KeyChain, type VerifiedKeyChain } from "@keygrove/ledger"
import { MemoryStorage } from "@keygrove/memory"
import { describe, expect, test } from "vitest"
import {
  clusterEntry,
  kitChild,
  kitPrimitives,
  kitRoot,
  nodeEntry,
  rekeyEntry,
} from "../../packages/core/ledger/src/ledger-kit.contract.ts"
import { partyOf, type KitParty } from "../../packages/core/peering/src/meeting/meeting-kit.contract.ts"
import { keyChainChanges, loadKeyChains, readKeyChain, removeKeyChain } from "../../packages/service/src/trust/key-chain-records.ts"

const call = { signal: new AbortController().signal }
const root = kitRoot("many")
const node = kitChild(root, "/many")
const children = Array.from({ length: 4_000 }, (_, index) => nodeEntry(root, kitChild(root, `/child-${index}`)))
const entries = [clusterEntry(root), nodeEntry(root, node), rekeyEntry(node, 1), ...children]

/** A cluster's key chain as it was after so many entries. */
function chainOf(party: KitParty): VerifiedKeyChain {
  let chain: KeyChain = emptyKeyChain(kitPrimitives, party.identity.anchorKey)
  for (const entry of party.entries) chain = unwrap(extendKeyChain(kitPrimitives, chain, entry))
  return unwrap(finishKeyChain(kitPrimitives, chain, unwrap(decodeKeyChainHead(party.identity.head))))
}

describe("the copy of a long key chain", () => {
  test("fills several records, grows, is read from anywhere, and is gone when it is removed", async () => {
    await using storage = new MemoryStorage()
    const [early, late] = [partyOf(root, node, entries.slice(0, 1_500)), partyOf(root, node, entries)]
    const first = keyChainChanges(undefined, early.entries, { chain: chainOf(early), head: early.identity.head })
    unwrap(await storage.write(first.changes, call))
    const fresh = entries.slice(early.entries.length)
    const second = keyChainChanges(first.copy, fresh, { chain: chainOf(late), head: late.identity.head })
    unwrap(await storage.write(second.changes, call))
    expect(second.copy.pages.length).toBeGreaterThan(1)

    const { broken, copies } = unwrap(await loadKeyChains(storage, kitPrimitives, call))
    const [loaded] = copies
    if (loaded === undefined) throw new TypeError("the copy was not found")
    expect([broken, copies.length, loaded.pages]).toEqual([[], 1, second.copy.pages])
    expect(loaded.chain.head).toEqual(second.copy.chain.head)
    const edges = loaded.pages.flatMap((start) => [start - 1, start, start + 1]).filter((start) => start >= 0)
    for (const from of [...edges, 1_499, 1_500, entries.length - 1, entries.length, entries.length + 9]) {
      const read = unwrap(await readKeyChain(storage, loaded, { from, limit: 256 }, call))
      expect(read).toEqual(entries.slice(from, from + read.length))
      expect(read.length).toBe(Math.min(256, Math.max(0, entries.length - from)))
    }
    unwrap(await storage.write(removeKeyChain(loaded), call))
    expect(unwrap(await storage.list("key-chain", { limit: 10 }, call))).toEqual([])
  })

  test("with anything changed on the disk is none", async () => {
    await using storage = new MemoryStorage()
    const party = partyOf(root, node, entries.slice(0, 20))
    const { changes } = keyChainChanges(undefined, party.entries, { chain: chainOf(party), head: party.identity.head })
    const key = `${root.cluster}/00000000`
    const wrong = [
      { entries: party.entries.slice(1) },
      { entries: party.entries.slice(0, -1) },
      { entries: [...party.entries].toReversed() },
      { entries: 7 },
    ]
    for (const value of wrong) {
      unwrap(await storage.write(changes, call))
      unwrap(await storage.write([{ kind: "put", collection: "key-chain", key, value }], call))
      expect(unwrap(await loadKeyChains(storage, kitPrimitives, call))).toEqual({ copies: [], broken: [root.cluster] })
    }
  })
})
