import { equalBytes, ok, refuse, type Refusal, type Result } from "@keygrove/base"
import type { Primitives } from "@keygrove/crypto"
import type { ClusterId } from "@keygrove/hierarchy"
import {
  decodeEntry,
  emptyHead,
  emptyKeyChain,
  extendKeyChain,
  isSameHead,
  MAX_SLICE_ENTRIES,
  nextHead,
  type KeyChain,
  type LedgerHead,
  type LedgerIndex,
  type LedgerSnapshot,
} from "@keygrove/ledger"
import type { CallOptions } from "../ports/call-options.ts"
import type { LedgerEngine, LedgerSlice, RefreshRefusal } from "../ports/ledger-engine.ts"
import type { LedgerSource } from "../ports/ledger-source.ts"

/** The key chains that a snapshot names, where they are read from and whose they are. */
export interface ChainPlaces {
  readonly primitives: Pick<Primitives, "sha256" | "ed25519">
  /** The reader's own cluster. */
  readonly cluster: ClusterId
  /** Has what stands before its head. */
  readonly copy: Pick<LedgerEngine, "read">
  /** Has the rest: entries of key chains are never dropped. */
  readonly source: Pick<LedgerSource, "read">
}

/** Key chains as they were read. */
export interface ReadChains {
  /** The own cluster's, verified from its root. */
  readonly own: KeyChain
  /** What of all of them the copy does not have yet, consecutive entries together. */
  readonly kept: readonly LedgerSlice[]
}

/** Bytes of key chains that are taken with one snapshot; two hundred thousand statements are about 60 MB. */
const MAX_CHAIN_BYTES = 67_108_864

type ChainRefusal = RefreshRefusal

/**
 * Reads the entries of all key chains that a snapshot names: they are what a node serves and proves identities with, and nobody keeps the rest. Each chain has to be the one whose head the snapshot's signer
 * signed; the own one is verified from its root as well.
 */
export async function readChains(
  places: ChainPlaces,
  snapshot: LedgerSnapshot,
  own: LedgerHead,
  options: CallOptions,
): Promise<Result<ReadChains, ChainRefusal>> {
  const wanted = [...new Set([...snapshot.keyChains.values()].flatMap(({ indexes }) => indexes))].toSorted((a, b) => a - b)
  if ((wanted.at(-1) ?? 0) >= snapshot.head.length) return invalid("names statements after its own end")
  const fetched = await fetchRuns(places, wanted, own, options)
  if (!fetched.ok) return fetched
  const { entries, kept } = fetched.value
  for (const [cluster, { head, indexes }] of snapshot.keyChains) {
    let last = emptyHead()
    for (const index of indexes) last = nextHead(places.primitives, last, entries.get(index) ?? new Uint8Array(0))
    if (!isSameHead(last, head)) return invalid(`names a key chain of ${cluster.slice(0, 16)} that is not there`)
  }
  const chain = verifyOwn(
    places,
    (snapshot.keyChains.get(places.cluster)?.indexes ?? []).flatMap((index) => entries.get(index) ?? []),
  )
  return chain.ok ? ok({ own: chain.value, kept }) : chain
}

interface Fetched {
  readonly entries: ReadonlyMap<LedgerIndex, Uint8Array>
  readonly kept: readonly LedgerSlice[]
}

async function fetchRuns(
  { copy, source }: ChainPlaces,
  wanted: readonly LedgerIndex[],
  own: LedgerHead,
  options: CallOptions,
): Promise<Result<Fetched, ChainRefusal>> {
  const entries = new Map<LedgerIndex, Uint8Array>()
  const kept: LedgerSlice[] = []
  let bytes = 0
  for (let first = wanted[0]; first !== undefined; first = wanted[entries.size]) {
    options.signal.throwIfAborted()
    const isOwn = first < own.length
    const run = runFrom(wanted, entries.size, isOwn ? own.length : Number.MAX_SAFE_INTEGER)
    const slice: Result<LedgerSlice, ChainRefusal> = await (isOwn ? copy : source).read(first, run.length, options)
    if (!slice.ok) return slice
    const taken = slice.value.entries.slice(0, run.length)
    if (taken.length === 0) return invalid(`names statement ${first}, which is not there`)
    if (first === own.length && !equalBytes(slice.value.before, own.hash)) return invalid("is of another log than this node's copy")
    for (const [offset, entry] of taken.entries()) {
      bytes += entry.length
      entries.set(run[offset] ?? first, entry)
    }
    if (bytes > MAX_CHAIN_BYTES)
      return refuse(
        "SNAPSHOT_TOO_LARGE",
        `the key chains on this ledger have more than ${MAX_CHAIN_BYTES} bytes, which are not taken with a snapshot`,
      )
    if (!isOwn) kept.push({ from: first, before: slice.value.before, entries: taken })
  }
  return ok({ entries, kept })
}

/** The consecutive places from one on, none at or after `end`, as many as are read at a time. */
function runFrom(wanted: readonly LedgerIndex[], place: number, end: number): readonly LedgerIndex[] {
  const first = wanted[place] ?? 0
  const next = wanted.slice(place, place + MAX_SLICE_ENTRIES)
  const gap = next.findIndex((index, offset) => index !== first + offset || index >= end)
  return gap === -1 ? next : next.slice(0, gap)
}

/** The root's anchor is in the first entry, and the cluster's id is its fingerprint. */
function verifyOwn({ cluster, primitives }: ChainPlaces, entries: readonly Uint8Array[]): Result<KeyChain, "SNAPSHOT_INVALID"> {
  const first = entries[0] === undefined ? undefined : decodeEntry(entries[0])
  if (first?.ok !== true) return invalid("does not name this node's own cluster")
  let chain = emptyKeyChain(primitives, first.value.author.key)
  if (chain.cluster !== cluster) return invalid("names a key chain of another root as that of this node's cluster")
  for (const entry of entries) {
    const extended = extendKeyChain(primitives, chain, entry)
    if (!extended.ok) return invalid(`names a key chain of this node's cluster that is none: ${extended.message}`)
    chain = extended.value
  }
  return ok(chain)
}

function invalid(why: string): Refusal<"SNAPSHOT_INVALID"> {
  return refuse("SNAPSHOT_INVALID", `the offered snapshot ${why}`)
}
