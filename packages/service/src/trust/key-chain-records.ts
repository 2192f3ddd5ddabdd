import { bytesShape, bytesWithinShape, checkShape, integerShape, ok, refuse, type CborValue, type Result } from "@keygrove/base"
import type { Primitives } from "@keygrove/crypto"
import { clusterIdOf, decodeClusterId, type ClusterId } from "@keygrove/hierarchy"
import {
  decodeKeyChainHead,
  emptyKeyChain,
  extendKeyChain,
  finishKeyChain,
  MAX_ENTRY_BYTES,
  MAX_KEY_CHAIN_ENTRIES,
  MAX_KEY_CHAIN_HEAD_BYTES,
  type KeyChain,
  type VerifiedKeyChain,
} from "@keygrove/ledger"
import * as v from "valibot"
import type { CallOptions } from "../ports/call-options.ts"
import type { Storage, StorageChange, StorageRefusal } from "../ports/storage.ts"

/** The key chain of another cluster as this node keeps it: verified, and closed by a head that one of its nodes signed. */
export interface KeyChainCopy {
  readonly chain: VerifiedKeyChain
  /** Encoded, as it was signed. */
  readonly head: Uint8Array
  /** The positions of the first entries of the records that it fills, and the entries of the last one. */
  readonly pages: readonly number[]
  readonly lastPage: readonly Uint8Array[]
}

/** What was found on the disk. */
export interface LoadedKeyChains {
  readonly copies: readonly KeyChainCopy[]
  /** Clusters whose copy does not hold. */
  readonly broken: readonly ClusterId[]
}

/** Longest page, without its last entry, in bytes: under a record's limit with it. */
const MAX_PAGE_BYTES = 900_000
/** Copies of key chains that are read when a node starts. */
const MAX_COPIES = 1_000

const headShape = v.strictObject({
  anchorKey: bytesShape(32),
  head: bytesWithinShape(1, MAX_KEY_CHAIN_HEAD_BYTES),
  pages: integerShape(1, MAX_KEY_CHAIN_ENTRIES),
})
const pageShape = v.strictObject({ entries: v.array(bytesWithinShape(1, MAX_ENTRY_BYTES)) })

type Tools = Pick<Primitives, "sha256" | "ed25519">

/** What makes a copy durable: the records that are new since `known`, to be written together. At most 60 for the longest chain that is taken. */
export function keyChainChanges(
  known: KeyChainCopy | undefined,
  fresh: readonly Uint8Array[],
  { chain, head }: Pick<KeyChainCopy, "chain" | "head">,
): { readonly copy: KeyChainCopy; readonly changes: readonly StorageChange[] } {
  const { cluster } = chain
  const pages = paginate([...(known?.lastPage ?? []), ...fresh])
  const before = known?.pages.slice(0, -1) ?? []
  const starts: number[] = []
  for (let page = 0, position = known?.pages.at(-1) ?? 0; page < pages.length; position += pages[page++]?.length ?? 0) starts.push(position)
  const changes: StorageChange[] = pages.map((entries, index) => ({
    kind: "put",
    collection: "key-chain",
    key: pageKey(cluster, before.length + index),
    value: { entries },
  }))
  const copy: KeyChainCopy = { chain, head, pages: [...before, ...starts], lastPage: pages.at(-1) ?? [] }
  const value = { anchorKey: chain.root, head, pages: copy.pages.length }
  return { copy, changes: [...changes, { kind: "put", collection: "key-chain", key: cluster, value }] }
}

/** What forgets a copy, as many writes as it takes, the one without which the rest is nothing coming first. */
export function removeKeyChain({ chain, pages }: KeyChainCopy): readonly StorageChange[] {
  const keys = pages.map((_start, page) => pageKey(chain.cluster, page))
  return [chain.cluster, ...keys].map((key) => ({ kind: "remove", collection: "key-chain", key }))
}

/** Every copy, verified anew from its root's anchor. `broken` names those that do not hold any more; they are fetched again as if they had never been. */
export async function loadKeyChains(
  storage: Storage,
  primitives: Tools,
  options: CallOptions,
): Promise<Result<LoadedKeyChains, StorageRefusal>> {
  const copies: KeyChainCopy[] = []
  const broken: ClusterId[] = []
  for (let after: string | undefined; copies.length + broken.length < MAX_COPIES;) {
    const listed = await storage.list("key-chain", { limit: 1, ...(after === undefined ? {} : { after }) }, options)
    if (!listed.ok) return listed
    const [record] = listed.value
    if (record === undefined) break
    const cluster = decodeClusterId(record.key)
    // Pages of a cluster come after its head, and before the next one's: `0` follows `/`.
    after = `${record.key}0`
    if (!cluster.ok) continue
    const copy = await loadKeyChain(storage, primitives, { cluster: cluster.value, value: record.value }, options)
    if (copy.ok) copies.push(copy.value)
    else if (copy.code === "STORAGE_CORRUPT") broken.push(cluster.value)
    else return copy
  }
  return ok({ copies, broken })
}

/** Entries of a kept chain from a position on, at most `limit` and about 900 kB. */
export async function readKeyChain(
  storage: Storage,
  { chain, pages }: KeyChainCopy,
  { from, limit }: { readonly from: number; readonly limit: number },
  options: CallOptions,
): Promise<Result<readonly Uint8Array[], StorageRefusal>> {
  const entries: Uint8Array[] = []
  let bytes = 0
  for (const [page, start] of pages.entries()) {
    if ((pages[page + 1] ?? chain.head.length) <= from) continue
    const read = await readPage(storage, chain.cluster, page, options)
    if (!read.ok) return read
    for (const entry of read.value.slice(Math.max(0, from - start))) {
      bytes += entry.length
      if (entries.length === limit || bytes > MAX_PAGE_BYTES) return ok(entries)
      entries.push(entry)
    }
  }
  return ok(entries)
}

async function loadKeyChain(
  storage: Storage,
  primitives: Tools,
  { cluster, value }: { readonly cluster: ClusterId; readonly value: CborValue },
  options: CallOptions,
): Promise<Result<KeyChainCopy, StorageRefusal>> {
  const header = checkShape(value, { shape: headShape, code: "STORAGE_CORRUPT", noun: "copy of a key chain" })
  if (!header.ok) return header
  const { anchorKey, head, pages } = header.value
  const signed = decodeKeyChainHead(head)
  if (!signed.ok || clusterIdOf(primitives, anchorKey) !== cluster) return unusable()
  let chain: KeyChain = emptyKeyChain(primitives, anchorKey)
  let lastPage: readonly Uint8Array[] = []
  const starts: number[] = []
  for (let page = 0; page < pages; page++) {
    options.signal.throwIfAborted()
    const read = await readPage(storage, cluster, page, options)
    if (!read.ok) return read
    starts.push(chain.head.length)
    lastPage = read.value
    for (const entry of lastPage) {
      const extended = extendKeyChain(primitives, chain, entry)
      if (!extended.ok) return unusable()
      chain = extended.value
    }
  }
  const closed = finishKeyChain(primitives, chain, signed.value)
  return closed.ok ? ok({ chain: closed.value, head, pages: starts, lastPage }) : unusable()
}

async function readPage(
  storage: Storage,
  cluster: ClusterId,
  page: number,
  options: CallOptions,
): Promise<Result<readonly Uint8Array[], StorageRefusal>> {
  const found = await storage.get("key-chain", pageKey(cluster, page), options)
  if (!found.ok) return found
  const checked = checkShape(found.value ?? null, { shape: pageShape, code: "STORAGE_CORRUPT", noun: "page of a key chain" })
  return checked.ok ? ok(checked.value.entries) : checked
}

function paginate(entries: readonly Uint8Array[]): readonly (readonly Uint8Array[])[] {
  const pages: Uint8Array[][] = []
  let bytes = Number.POSITIVE_INFINITY
  for (const entry of entries) {
    if (bytes + entry.length > MAX_PAGE_BYTES) {
      pages.push([])
      bytes = 0
    }
    bytes += entry.length
    pages.at(-1)?.push(entry)
  }
  return pages
}

function pageKey(cluster: ClusterId, page: number): string {
  return `${cluster}/${String(page).padStart(8, "0")}`
}

function unusable(): Result<never, "STORAGE_CORRUPT"> {
  return refuse("STORAGE_CORRUPT", "the copy of a key chain on this disk does not hold; it is fetched again")
}
