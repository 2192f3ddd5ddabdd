import { unwrap } from "@keygrove/base"
import * as fc from "fast-check"
import { describe, expect, test } from "vitest"
import { decodeEntry, type Author } from "./entry.ts"
import { advanceIndex, emptyHead, nextHead, type LedgerHead } from "./head.ts"
import {
  decodeKeyChainHead,
  encodeKeyChainHead,
  keyChainHeadSignBytes,
  MAX_KEY_CHAIN_HEAD_BYTES,
  type KeyChainHead,
} from "./key-chain-head.ts"
import { emptyKeyChain, extendKeyChain, finishKeyChain, isOfKeyChain, verifyKeyChain, type KeyChain } from "./key-chain.ts"
import {
  anchorName,
  clusterEntry,
  kitChild,
  kitKey,
  kitPrimitives,
  kitRoot,
  kitSeed,
  nodeEntry,
  rekeyEntry,
  type KitNode,
} from "./ledger-kit.contract.ts"
import { NaiveLedger } from "./naive-ledger.contract.ts"
import { plausibleHistories } from "./plausible-history.contract.ts"

const root = kitRoot("plausible")
const rootKey = kitKey(anchorName(root))

function headOf(entries: readonly Uint8Array[]): LedgerHead {
  return entries.reduce((head, bytes) => nextHead(kitPrimitives, head, bytes), emptyHead())
}

function signedHead(entries: readonly Uint8Array[], node: KitNode = root, keyName = anchorName(node)): KeyChainHead {
  const author: Author = { cluster: node.cluster, path: node.path, key: kitKey(keyName) }
  const unsigned = { ...headOf(entries), author }
  using seed = kitSeed(keyName)
  return { ...unsigned, signature: kitPrimitives.ed25519.sign(seed, keyChainHeadSignBytes(unsigned)) }
}

/** Statements about the nodes of the first cluster of a history, whether or not they had an effect. */
function aboutNodes(history: readonly Uint8Array[]): readonly Uint8Array[] {
  return history.filter((bytes) => {
    const entry = unwrap(decodeEntry(bytes))
    return entry.author.cluster === root.cluster && isOfKeyChain(entry)
  })
}

/** A chain as its cluster would give it out: the statements that had an effect. */
const chains = plausibleHistories.map((history) => {
  const naive = new NaiveLedger()
  return aboutNodes(history).filter((bytes) => naive.take(bytes))
})

describe("over random histories", () => {
  test("a chain is believed exactly if its naive twin lets every entry have its effect; otherwise the first that has none is named", () => {
    fc.assert(
      fc.property(plausibleHistories.map(aboutNodes), (entries) => {
        const naive = new NaiveLedger()
        const idle = entries.findIndex((bytes) => !naive.take(bytes))
        const verified = verifyKeyChain(kitPrimitives, rootKey, { entries, head: signedHead(entries) })
        if (idle === -1) expect(verified).toMatchObject({ ok: true })
        else expect(verified).toMatchObject({ code: "KEY_CHAIN_ENTRY_VOID", data: { index: idle } })
      }),
      { numRuns: 40 },
    )
  })

  test("no reordering, truncation, repetition or splice of a chain is believed under its head", { timeout: 300_000 }, () => {
    const edits = fc.array(fc.tuple(fc.constantFrom("swap", "drop", "repeat", "cut", "splice"), fc.nat(60), fc.nat(60)), {
      minLength: 1,
      maxLength: 3,
    })
    fc.assert(
      fc.property(chains, chains, edits, (entries, others, steps) => {
        const head = signedHead(entries)
        let edited = [...entries]
        for (const [step, one, two] of steps) edited = edit(edited, others, step, one % edited.length, two % edited.length)
        const isSame = edited.length === entries.length && edited.every((bytes, index) => bytes === entries[index])
        expect(verifyKeyChain(kitPrimitives, rootKey, { entries: edited, head }).ok).toBe(isSame)
      }),
      { numRuns: 60 },
    )
  })

  test("what was seen before is not forgotten: a prefix of it and another history are refused, a continuation is believed", () => {
    fc.assert(
      fc.property(chains, fc.nat(60), (entries, at) => {
        const cut = 1 + (at % entries.length)
        const prefix = entries.slice(0, cut)
        expect(verifyKeyChain(kitPrimitives, rootKey, { entries, head: signedHead(entries), known: headOf(prefix) })).toMatchObject({
          ok: true,
        })
        if (cut < entries.length)
          expect(
            verifyKeyChain(kitPrimitives, rootKey, { entries: prefix, head: signedHead(prefix), known: headOf(entries) }),
          ).toMatchObject({
            code: "KEY_CHAIN_TRUNCATED",
          })
        const other = { ...headOf(prefix), hash: kitKey("other") }
        expect(verifyKeyChain(kitPrimitives, rootKey, { entries, head: signedHead(entries), known: other })).toMatchObject({
          code: "KEY_CHAIN_FORKED",
        })
      }),
      { numRuns: 20 },
    )
  })

  test("entry by entry is the same as at once, and an earlier chain stays as it was", () => {
    fc.assert(
      fc.property(chains, (entries) => {
        const steps: KeyChain[] = [emptyKeyChain(kitPrimitives, rootKey)]
        for (const bytes of entries)
          steps.push(unwrap(extendKeyChain(kitPrimitives, steps.at(-1) ?? emptyKeyChain(kitPrimitives, rootKey), bytes)))
        for (const [length, chain] of steps.entries()) {
          if (length === 0) continue
          const prefix = entries.slice(0, length)
          const whole = unwrap(verifyKeyChain(kitPrimitives, rootKey, { entries: prefix, head: signedHead(prefix) }))
          const parts = unwrap(finishKeyChain(kitPrimitives, chain, signedHead(prefix)))
          expect([...parts.members.nodes.values()]).toEqual([...whole.members.nodes.values()])
          expect(parts.head).toEqual(whole.head)
        }
      }),
      { numRuns: 5 },
    )
  })
})

describe("the head of a chain", () => {
  const laptop = kitChild(root, "/laptop")
  const entries = [clusterEntry(root), nodeEntry(root, laptop), rekeyEntry(laptop, 1)]

  test("has one form, of bounded length", () => {
    const deepest = kitChild(root, `/${Array.from({ length: 8 }, () => "n".repeat(32)).join("/")}`)
    const head = { ...signedHead(entries, deepest), length: advanceIndex(emptyHead().length, 1_048_576) }
    const bytes = encodeKeyChainHead(head)
    expect(bytes.length).toBeLessThanOrEqual(MAX_KEY_CHAIN_HEAD_BYTES)
    expect(encodeKeyChainHead(unwrap(decodeKeyChainHead(bytes)))).toEqual(bytes)
  })

  test("whatever else there is in its place is refused, never thrown at", () => {
    const bytes = encodeKeyChainHead(signedHead(entries))
    fc.assert(
      fc.property(
        fc.oneof(
          fc.uint8Array({ maxLength: 700 }),
          fc
            .tuple(fc.nat(bytes.length - 1), fc.integer({ min: 1, max: 255 }))
            .map(([at, change]) => bytes.with(at, (bytes[at] ?? 0) ^ change)),
        ),
        (garbage) => {
          const decoded = decodeKeyChainHead(garbage)
          if (!decoded.ok) return
          const verified = verifyKeyChain(kitPrimitives, rootKey, { entries, head: decoded.value })
          expect(verified.ok).toBe(false)
        },
      ),
      { numRuns: 500 },
    )
  })
})

function edit(entries: Uint8Array[], others: readonly Uint8Array[], step: string, one: number, two: number): Uint8Array[] {
  switch (step) {
    case "swap":
      return entries.with(one, entries[two] ?? entries[0] ?? new Uint8Array(0)).with(two, entries[one] ?? new Uint8Array(0))
    case "drop":
      return entries.length === 1 ? entries : entries.toSpliced(one, 1)
    case "repeat":
      return entries.toSpliced(one, 0, entries[two] ?? new Uint8Array(0))
    case "cut":
      return entries.slice(0, Math.max(1, one))
    default:
      return [...entries.slice(0, one), ...others.slice(one)]
  }
}
