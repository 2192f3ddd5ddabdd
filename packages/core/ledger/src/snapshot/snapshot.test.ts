import { concatBytes, encodeCanonical, toHex, unwrap, type CborValue } from "@keygrove/base"
import * as fc from "fast-check"
import { describe, expect, test } from "vitest"
import { emptyLedger, foldEntry, type FoldedLedger } from "../chain.ts"
import { KeyChainIndex } from "../key-chain-index.ts"
import { encodeEntry, entrySignBytes } from "../entry.ts"
import { emptyKeyChain, extendKeyChain } from "../key-chain.ts"
import {
  anchorName,
  clusterEntry,
  kitBytes,
  kitChild,
  kitKey,
  kitLog,
  kitPrimitives,
  kitRoot,
  kitSeed,
  nodeEntry,
  nodeRevokedEntry,
  rekeyEntry,
  signingName,
  type KitNode,
} from "../ledger-kit.contract.ts"
import { MAX_SNAPSHOT_CHUNK_BYTES, MAX_UNKNOWN_KINDS } from "../limits.ts"
import { plausibleHistories, successionHistories } from "../plausible-history.contract.ts"
import { decodeSnapshot } from "./decode-snapshot.ts"
import { encodeSnapshot } from "./encode-snapshot.ts"
import { recordsOf } from "./frames.ts"
import { emptyDigest, encodeSnapshotHead, nextDigest, snapshotHeadSignBytes, verifySnapshotHead } from "./snapshot-head.ts"
import { verifySnapshotSigner } from "./snapshot-signer.ts"
import type { LedgerSnapshot } from "./snapshot.ts"

/** A fold that goes on from nothing, or from a snapshot. */
class Fold {
  ledger: FoldedLedger
  readonly #chains: KeyChainIndex
  readonly verdicts: string[] = []

  constructor(from?: LedgerSnapshot) {
    this.ledger = from ?? emptyLedger()
    this.#chains = new KeyChainIndex(from?.keyChains)
  }

  take(entries: readonly Uint8Array[]): this {
    for (const bytes of entries) {
      const step = unwrap(foldEntry(kitPrimitives, this.ledger, bytes))
      this.ledger = step.ledger
      this.#chains.take(kitPrimitives, step)
      this.verdicts.push(step.judged.verdict.kind === "applied" ? "applied" : step.judged.verdict.reason)
    }
    return this
  }

  get snapshot(): LedgerSnapshot {
    return { ...this.ledger, keyChains: this.#chains.copy() }
  }

  get bytes(): Uint8Array {
    return concatBytes(...encodeSnapshot(this.snapshot))
  }
}

const readersIn = ({ ledger }: Fold): unknown =>
  [...ledger.state.readers.entries()].map(([key, clusters]) => [key, [...clusters.entries()]])
const reread = (bytes: Uint8Array): LedgerSnapshot => unwrap(decodeSnapshot([bytes]))

/** The chunks of records, framed as they are, whether or not they make a snapshot. */
function framed(records: readonly CborValue[]): Uint8Array {
  return concatBytes(
    ...records.flatMap((record) => {
      const bytes = encodeCanonical(record)
      return [Uint8Array.of(bytes.length >>> 24, bytes.length >>> 16, bytes.length >>> 8, bytes.length), bytes]
    }),
  )
}

const root = kitRoot("snapshot")
const laptop = kitChild(root, "/laptop")
const opening = [clusterEntry(root), nodeEntry(root, laptop), rekeyEntry(laptop, 1)]

describe("a snapshot", () => {
  test("decodes to a fold that goes on as the original does, wherever it was taken", () => {
    fc.assert(
      fc.property(fc.oneof(plausibleHistories, successionHistories), fc.nat(1000), (log, at) => {
        const cut = at % (log.length + 1)
        const before = new Fold().take(log.slice(0, cut))
        const taken = before.bytes
        const resumed = new Fold(reread(taken))
        expect(resumed.bytes).toEqual(taken)
        before.take(log.slice(cut))
        resumed.take(log.slice(cut))
        expect(resumed.verdicts).toEqual(before.verdicts.slice(cut))
        expect(resumed.bytes).toEqual(before.bytes)
        expect(resumed.ledger.head).toEqual(before.ledger.head)
        // No section of its own: it follows from the policies.
        expect(readersIn(resumed)).toEqual(readersIn(before))
      }),
      { numRuns: 40 },
    )
  })

  test("is the same however the fold came there, and leaves the live one as it is", () => {
    const log = kitLog(40)
    const live = new Fold().take(log.slice(0, 20))
    const chunks = encodeSnapshot(live.snapshot)
    const early = new Fold().take(log.slice(0, 20)).bytes
    // The live one goes on before the snapshot is written.
    live.take(log.slice(20))
    expect(concatBytes(...chunks)).toEqual(early)
    expect(live.bytes).toEqual(new Fold(reread(early)).take(log.slice(20)).bytes)
  })

  test("of a large state comes in full chunks and a rest", () => {
    const fold = new Fold().take(opening)
    let { anchorKeys } = fold.ledger.state
    for (let count = 0; count < 8000; count++) anchorKeys = anchorKeys.set(toHex(kitBytes(`anchor ${count}`)), laptop)
    const chunks = [...encodeSnapshot({ ...fold.snapshot, state: { ...fold.ledger.state, anchorKeys } })]
    expect(chunks.length).toBeGreaterThan(1)
    expect(chunks.slice(0, -1).every((chunk) => chunk.length === MAX_SNAPSHOT_CHUNK_BYTES)).toBe(true)
    expect(unwrap(decodeSnapshot(chunks)).state.anchorKeys.size).toBe(8002)
    const [first = new Uint8Array(0), ...rest] = chunks
    expect(decodeSnapshot([first.slice(0, -1), first.slice(-1), ...rest])).toMatchObject({ code: "SNAPSHOT_INVALID" })
    expect(decodeSnapshot(chunks.slice(0, -1))).toMatchObject({ code: "SNAPSHOT_INVALID" })
    expect(decodeSnapshot([])).toMatchObject({ code: "SNAPSHOT_INVALID" })
  })

  test("with any byte changed, cut or added is refused or another fold, and never throws", () => {
    const bytes = new Fold().take(opening).bytes
    fc.assert(
      fc.property(fc.nat(bytes.length - 1), fc.integer({ min: 1, max: 255 }), (place, change) => {
        const changed = Uint8Array.from(bytes)
        changed[place] = (changed[place] ?? 0) ^ change
        const decoded = decodeSnapshot([changed])
        if (decoded.ok) expect(concatBytes(...encodeSnapshot(decoded.value))).toEqual(changed)
      }),
      { numRuns: 2000 },
    )
    expect(decodeSnapshot([bytes.slice(0, -1)])).toMatchObject({ code: "SNAPSHOT_INVALID" })
    expect(decodeSnapshot([concatBytes(bytes, Uint8Array.of(0))])).toMatchObject({ code: "SNAPSHOT_INVALID" })
  })

  test("whose records are repeated, swapped, left out or of another log is refused", () => {
    const records = [...recordsOf([new Fold().take(opening).bytes])].map((record) => record ?? null)
    const at = (name: string): number => records.indexOf(name)
    const without = (from: number, count = 1): CborValue[] => records.toSpliced(from, count)
    const repeated = records.toSpliced(at("nodes") + 1, 0, records[at("nodes") + 1] ?? null)
    const swapped = records.with(at("nodes") + 1, records[at("nodes") + 2] ?? null).with(at("nodes") + 2, records[at("nodes") + 1] ?? null)
    const wrong: readonly (readonly CborValue[])[] = [
      repeated,
      swapped,
      without(at("clusters") + 1),
      without(at("nodes") + 1),
      without(at("signingKeys") + 1),
      without(at("anchorKeys") + 1),
      without(at("keyChains") + 1),
      without(at("end")),
      without(at("removed")),
      records.with(at("removed"), "unknown"),
      [...records, "end"],
      records.slice(1),
    ]
    for (const list of wrong) expect(decodeSnapshot([framed(list)])).toMatchObject({ ok: false, code: "SNAPSHOT_INVALID" })
    expect(decodeSnapshot([framed(records)]).ok).toBe(true)
  })
})

describe("the version of a snapshot", () => {
  /** What a later version writes. */
  const unknown = (kind: string): Uint8Array => {
    using seed = kitSeed(signingName(laptop, 1))
    const author = { cluster: laptop.cluster, path: laptop.path, key: kitKey(signingName(laptop, 1)) }
    const draft = { scope: "cluster", kind, body: encodeCanonical({}), author } as const
    return encodeEntry({ ...draft, signature: kitPrimitives.ed25519.sign(seed, entrySignBytes(draft)) })
  }

  test("names kinds that this one does not know, once each and in order, and goes on from them", () => {
    const fold = new Fold().take([...opening, unknown("zebra"), unknown("ape"), unknown("zebra")])
    expect(fold.ledger.state.unknownKinds).toEqual(["ape", "zebra"])
    expect(reread(fold.bytes).state.unknownKinds).toEqual(["ape", "zebra"])
    const many = Array.from({ length: MAX_UNKNOWN_KINDS + 3 }, (_, index) =>
      unknown(`kind${"x".repeat(index % 28)}${"y".repeat(Math.floor(index / 28))}`),
    )
    const full = new Fold().take([...opening, ...many])
    expect(full.ledger.state.unknownKinds).toHaveLength(MAX_UNKNOWN_KINDS + 1)
    expect(new Fold(reread(full.bytes)).bytes).toEqual(full.bytes)
  })

  test("decides whether it is gone on from", () => {
    const [first, ...records] = [...recordsOf([new Fold().take(opening).bytes])].map((record) => record ?? null)
    const [title = "", version = 1, length = 0, hash = "", origin = "", kinds] = Array.isArray(first) ? first : []
    const own = Array.isArray(kinds) ? kinds : []
    const older = own.filter((kind) => kind !== "trust")
    const decide = (known: readonly CborValue[], met: readonly string[], of = version): string => {
      const decoded = decodeSnapshot([framed([[title, of, length, hash, origin, known, met], ...records])])
      return decoded.ok ? "gone on from" : decoded.code
    }
    expect(decide(own, [])).toBe("gone on from")
    expect(decide(own, [], 2)).toBe("SNAPSHOT_VERSION")
    expect(decide([...own, "zebra"], [])).toBe("SNAPSHOT_VERSION")
    expect(decide(older, [])).toBe("gone on from")
    expect(decide(older, ["zebra"])).toBe("gone on from")
    expect(decide(older, ["trust"])).toBe("SNAPSHOT_VERSION")
    expect(decide(older, ["*"])).toBe("SNAPSHOT_VERSION")
    expect(decide(own, ["*"])).toBe("gone on from")
    expect(decide(own.toReversed(), [])).toBe("SNAPSHOT_INVALID")
  })
})

describe("the signer of a snapshot", () => {
  const phone = kitChild(root, "/phone")
  const log = [...opening, nodeEntry(root, phone), rekeyEntry(phone, 1), rekeyEntry(laptop, 2)]
  const chain = log.reduce(
    (longer, bytes) => unwrap(extendKeyChain(kitPrimitives, longer, bytes)),
    emptyKeyChain(kitPrimitives, kitKey(anchorName(root))),
  )
  const { snapshot } = new Fold().take(log)
  const [first = new Uint8Array(0)] = encodeSnapshot(snapshot)
  const digest = nextDigest(kitPrimitives, emptyDigest(), first)
  const signedBy = (name: string, node: KitNode): Uint8Array => {
    using seed = kitSeed(name)
    const unsigned = { ...snapshot.head, chunks: 1, digest, author: { cluster: node.cluster, path: node.path, key: kitKey(name) } }
    return encodeSnapshotHead({ ...unsigned, signature: kitPrimitives.ed25519.sign(seed, snapshotHeadSignBytes(unsigned)) })
  }
  const judge = (bytes: Uint8Array, reader: KitNode, claimed: LedgerSnapshot = snapshot): string => {
    const judged = verifySnapshotSigner({ head: unwrap(verifySnapshotHead(kitPrimitives, bytes)), snapshot: claimed }, chain, reader)
    return judged.ok ? "believed" : judged.code
  }

  test("is a node that stands, under its current key; of one's own snapshot an earlier key will do", () => {
    expect(judge(signedBy(signingName(laptop, 2), laptop), phone)).toBe("believed")
    expect(judge(signedBy(signingName(laptop, 1), laptop), phone)).toBe("SNAPSHOT_SIGNER_UNKNOWN")
    expect(judge(signedBy(signingName(laptop, 1), laptop), laptop)).toBe("believed")
    expect(judge(signedBy(signingName(laptop, 2), phone), phone)).toBe("SNAPSHOT_SIGNER_UNKNOWN")
    expect(judge(signedBy("a stranger's key", laptop), phone)).toBe("SNAPSHOT_SIGNER_UNKNOWN")
  })

  test("who was revoked is no signer, and what the chain does not say of its own cluster is refused", () => {
    const revoked = new Fold().take([...log, nodeRevokedEntry(root, laptop)])
    const longer = unwrap(extendKeyChain(kitPrimitives, chain, nodeRevokedEntry(root, laptop)))
    const head = unwrap(verifySnapshotHead(kitPrimitives, signedBy(signingName(laptop, 2), laptop)))
    expect(verifySnapshotSigner({ head, snapshot: revoked.snapshot }, longer, phone)).toMatchObject({ code: "SNAPSHOT_SIGNER_UNKNOWN" })
    expect(judge(signedBy(signingName(phone, 1), phone), phone, revoked.snapshot)).toBe("SNAPSHOT_INVALID")
    const cluster = snapshot.state.clusters.get(root.cluster)
    const node = cluster?.nodes.get("/phone")
    if (cluster === undefined || node === undefined) throw new TypeError("the phone is on the ledger")
    const lied = { ...cluster, nodes: cluster.nodes.set("/phone", { ...node, anchorKey: kitKey("a thief") }) }
    const state = { ...snapshot.state, clusters: snapshot.state.clusters.set(root.cluster, lied) }
    expect(judge(signedBy(signingName(laptop, 2), laptop), phone, { ...snapshot, state })).toBe("SNAPSHOT_INVALID")
  })

  test("signs all of its head", () => {
    const bytes = signedBy(signingName(laptop, 2), laptop)
    fc.assert(
      fc.property(fc.nat(bytes.length - 1), fc.integer({ min: 1, max: 255 }), (place, change) => {
        const changed = Uint8Array.from(bytes)
        changed[place] = (changed[place] ?? 0) ^ change
        expect(verifySnapshotHead(kitPrimitives, changed)).toMatchObject({ code: "SNAPSHOT_INVALID" })
      }),
    )
  })
})
