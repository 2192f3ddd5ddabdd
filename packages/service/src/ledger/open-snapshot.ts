import { equalBytes, ok, refuse, type Refusal, type Result } from "@keygrove/base"
import type { Primitives } from "@keygrove/crypto"
import { isSameNode, type NodeReference } from "@keygrove/hierarchy"
import {
  decodeEntry,
  decodeSnapshot,
  emptyDigest,
  emptyKeyChain,
  extendKeyChain,
  isSameHead,
  nextDigest,
  verifySnapshotHead,
  verifySnapshotSigner,
  type KeyChain,
  type LedgerSnapshot,
  type SignedSnapshot,
  type SnapshotHead,
  type SnapshotRefusal,
} from "@keygrove/ledger"
import type { CallOptions } from "../ports/call-options.ts"
import type { LedgerEngine } from "../ports/ledger-engine.ts"
import type { LedgerFileRefusal, LedgerSnapshots } from "../ports/ledger-snapshots.ts"
import { readPlaces } from "./read-places.ts"

/** Where a node looks for a snapshot, and who it is. */
export interface SnapshotSources {
  readonly primitives: Pick<Primitives, "sha256" | "ed25519">
  /** The node's own file of the ledger. */
  readonly file: Pick<LedgerEngine, "head" | "read">
  readonly snapshots: Pick<LedgerSnapshots, "heads" | "chunk">
  /** This node and its current signing key, 32 bytes. */
  readonly reader: NodeReference & { readonly signingKey: Uint8Array }
}

/** What was found. */
export interface OpenedSnapshot {
  /** Absent when none could be used. */
  readonly from?: LedgerSnapshot
  /** Its signed head. */
  readonly head?: SnapshotHead
  /** Why newer ones were not used. */
  readonly refused: readonly Refusal[]
}

type UseRefusal = SnapshotRefusal | LedgerFileRefusal | "SNAPSHOT_SIGNER_UNKNOWN" | "LEDGER_PRUNED"

/** Finds the newest snapshot that this node may go on from: whole, signed by itself or a node of its cluster, and of the log that its file has. */
export async function openSnapshot(sources: SnapshotSources, options: CallOptions): Promise<Result<OpenedSnapshot, LedgerFileRefusal>> {
  const heads = await sources.snapshots.heads(options)
  if (!heads.ok) return heads
  const refused: Refusal[] = []
  for (const encoded of heads.value) {
    const usable = await useSnapshot(sources, encoded, options)
    if (usable.ok) return ok({ from: usable.value.snapshot, head: usable.value.head, refused })
    refused.push(usable)
  }
  return ok({ refused })
}

async function useSnapshot(
  sources: SnapshotSources,
  encoded: Uint8Array,
  options: CallOptions,
): Promise<Result<SignedSnapshot, UseRefusal>> {
  const { file, primitives, reader } = sources
  const head = verifySnapshotHead(primitives, encoded)
  if (!head.ok) return head
  const isOnLog = await standsOnLog(file, head.value, options)
  if (!isOnLog.ok) return isOnLog
  const snapshot = await readSnapshot(sources, head.value, options)
  if (!snapshot.ok) return snapshot
  const signed = { head: head.value, snapshot: snapshot.value }
  const isOwn = isSameNode(head.value.author, reader) && equalBytes(head.value.author.key, reader.signingKey)
  if (isOwn) return ok(signed)
  const chain = await readOwnChain(sources, snapshot.value, options)
  if (!chain.ok) return chain
  const believed = verifySnapshotSigner(signed, chain.value, reader)
  return believed.ok ? ok(signed) : believed
}

/** Refuses a snapshot of another history than the file's. */
async function standsOnLog(
  file: Pick<LedgerEngine, "head" | "read">,
  head: SnapshotHead,
  options: CallOptions,
): Promise<Result<true, UseRefusal>> {
  const own = await file.head(options)
  const before = own.length === head.length ? ok({ before: own.hash }) : await file.read(head.length, 1, options)
  if (!before.ok) return before
  if (own.length >= head.length && equalBytes(before.value.before, head.hash)) return ok(true)
  return refuse("SNAPSHOT_INVALID", `the snapshot at entry ${head.length} is of another log than the one that this node holds`)
}

/** Reads a snapshot whose head holds: all of its chunks, and nothing else than was signed. Who signed it, and whether its log is the right one, is not judged here. */
export async function readSnapshot(
  { primitives, snapshots }: Pick<SnapshotSources, "primitives" | "snapshots">,
  head: SnapshotHead,
  options: CallOptions,
): Promise<Result<LedgerSnapshot, SnapshotRefusal | LedgerFileRefusal>> {
  const chunks: Uint8Array[] = []
  let digest = emptyDigest()
  for (let place = 0; place < head.chunks; place++) {
    const chunk = await snapshots.chunk(head.length, place, options)
    if (!chunk.ok) return chunk
    digest = nextDigest(primitives, digest, chunk.value)
    chunks.push(chunk.value)
  }
  if (!equalBytes(digest, head.digest)) return refuse("SNAPSHOT_INVALID", `the snapshot at entry ${head.length} is not what was signed`)
  const decoded = decodeSnapshot(chunks)
  if (!decoded.ok || isSameHead(decoded.value.head, head)) return decoded
  return refuse("SNAPSHOT_INVALID", `the snapshot at entry ${head.length} is of another entry than its head says`)
}

/** The own cluster's key chain as the file has it at the places that the snapshot names, verified from its root. */
async function readOwnChain(
  { file, primitives, reader }: SnapshotSources,
  { keyChains }: LedgerSnapshot,
  options: CallOptions,
): Promise<Result<KeyChain, UseRefusal>> {
  const indexes = keyChains.get(reader.cluster)?.indexes ?? []
  let chain: KeyChain | undefined
  for (let from = 0; from < indexes.length; from += PLACES_AT_ONCE) {
    const entries = await readPlaces(file, indexes.slice(from, from + PLACES_AT_ONCE), options)
    if (!entries.ok) return entries
    for (const bytes of entries.value) {
      const extended: Result<KeyChain> = extendChain(primitives, chain, bytes)
      if (!extended.ok) return refuse("SNAPSHOT_INVALID", `the snapshot names a key chain that is none: ${extended.message}`)
      chain = extended.value
    }
  }
  if (chain?.cluster === reader.cluster) return ok(chain)
  return refuse("SNAPSHOT_INVALID", "the snapshot does not name this node's own cluster")
}

/** Entries of a key chain that are in memory at a time. */
const PLACES_AT_ONCE = 1024

/** The root's anchor is in the first entry, and the cluster's id is its fingerprint. */
function extendChain(primitives: SnapshotSources["primitives"], chain: KeyChain | undefined, bytes: Uint8Array): Result<KeyChain> {
  if (chain !== undefined) return extendKeyChain(primitives, chain, bytes)
  const first = decodeEntry(bytes)
  return first.ok ? extendKeyChain(primitives, emptyKeyChain(primitives, first.value.author.key), bytes) : first
}
