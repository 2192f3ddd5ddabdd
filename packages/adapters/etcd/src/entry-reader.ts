import { equalBytes, ok, refuse, toHex, type Refusal, type Result } from "@keygrove/base"
import type { Primitives } from "@keygrove/crypto"
import {
  emptyHead,
  MAX_SLICE_BYTES,
  MAX_SLICE_ENTRIES,
  verifySnapshotHead,
  type LedgerHead,
  type LedgerIndex,
  type SnapshotHead,
} from "@keygrove/ledger"
import type { LedgerSlice, OfferedSnapshot, SnapshotName, SourceRefusal } from "@keygrove/service"
import type { KeyValue } from "./etcd_pb.ts"
import { BLOCK_ENTRIES, decodeHead, decodePruned, decodeStoredEntry, hashInBlock, type EtcdLogKeys } from "./log-format.ts"
import type { Transact } from "./transact.ts"

/** The snapshot before which a log may lack entries. */
export interface PrunedMark {
  readonly head: SnapshotHead
  /** As it was signed. */
  readonly encoded: Uint8Array
  /** The value of its key. */
  readonly value: Uint8Array
}

type ReadRefusal = SourceRefusal | "LEDGER_PRUNED"

interface Asked {
  readonly from: LedgerIndex
  /** Entries that are asked for, and are there or were. */
  readonly end: number
  /** Before which entries may be gone. */
  readonly prunedTo: number
}

/** Reads the entries of a log in etcd, and what is left of those that were dropped. */
export class EntryReader {
  readonly #primitives: Pick<Primitives, "ed25519">
  readonly #keys: EtcdLogKeys
  readonly #transact: Transact
  /** Entries asked for at once: fewer where they are long. */
  #readCount = MAX_SLICE_ENTRIES
  #mark: PrunedMark | undefined

  constructor(primitives: Pick<Primitives, "ed25519">, keys: EtcdLogKeys, transact: Transact) {
    this.#primitives = primitives
    this.#keys = keys
    this.#transact = transact
  }

  /** As `LedgerSource.read`. */
  async read(from: LedgerIndex, limit: number, signal: AbortSignal): Promise<Result<LedgerSlice, ReadRefusal>> {
    const first = Math.max(0, from - 1)
    const count = Math.min(limit, this.#readCount)
    const range = { kind: "range", key: this.#keys.entry(first), end: this.#keys.entry(from + count), limit: count + 1 } as const
    const others = [this.#keys.head, this.#keys.pruned, this.#keys.heads(blockOf(first))]
    const operations = [...others.map((key) => ({ kind: "range", key }) as const), range]
    const answer = await this.#transact({ conditions: [], operations, otherwise: [] }, signal)
    if (!answer.ok) return answer
    const [heads, marks, blocks, pairs = []] = answer.value.found
    const now = headOf(heads?.[0]?.value)
    if (!now.ok) return now
    const mark = this.markOf(marks?.[0]?.value)
    if (!mark.ok) return mark
    const entries = this.#byIndex(pairs, first)
    const before = this.#hashAt(from, { mark: mark.value, entries, block: blocks?.[0]?.value })
    if (before === undefined && from <= now.value.length)
      return refuse("LEDGER_CORRUPT", `etcd does not say how the ledger stood before entry ${from}`)
    const asked = { from, end: Math.min(from + count, now.value.length), prunedTo: mark.value?.head.length ?? 0 }
    return this.#sliceOf(entries, before ?? emptyHead().hash, asked)
  }

  /** What a copy of `length` entries may start from: the snapshot, and how the log stood where the copy ends. */
  async snapshot(length: LedgerIndex, signal: AbortSignal): Promise<Result<OfferedSnapshot, ReadRefusal>> {
    const last = Math.max(0, length - 1)
    const keys = [this.#keys.pruned, this.#keys.heads(blockOf(last)), this.#keys.entry(last)]
    const operations = keys.map((key) => ({ kind: "range", key }) as const)
    const answer = await this.#transact({ conditions: [], operations, otherwise: [] }, signal)
    if (!answer.ok) return answer
    const [marks, blocks, pairs = []] = answer.value.found
    const mark = this.markOf(marks?.[0]?.value)
    if (!mark.ok) return mark
    if (mark.value === undefined) return refuse("LEDGER_PRUNED", "etcd has no snapshot to start from")
    const before = this.#hashAt(length, { mark: mark.value, entries: this.#byIndex(pairs, last), block: blocks?.[0]?.value })
    if (before === undefined) return refuse("LEDGER_CORRUPT", `etcd does not say how the ledger stood after ${length} entries`)
    return ok({ head: mark.value.encoded, before })
  }

  /** A part of a snapshot, unchecked. */
  async part(name: SnapshotName, place: number, signal: AbortSignal): Promise<Result<Uint8Array, ReadRefusal>> {
    const operations = [{ kind: "range", key: this.#keys.part(name, place) }] as const
    const answer = await this.#transact({ conditions: [], operations, otherwise: [] }, signal)
    if (!answer.ok) return answer
    const bytes = answer.value.found[0]?.[0]?.value
    if (bytes !== undefined) return ok(bytes)
    return refuse(
      "LEDGER_PRUNED",
      `part ${place} of a snapshot at entry ${name.length} is not in etcd any more; ask for the newest snapshot`,
    )
  }

  /** The snapshot that a value of its key says. */
  markOf(value: Uint8Array | undefined): Result<PrunedMark | undefined, "LEDGER_CORRUPT"> {
    if (value === undefined) return ok(undefined)
    if (this.#mark !== undefined && equalBytes(this.#mark.value, value)) return ok(this.#mark)
    const encoded = decodePruned(value)
    if (!encoded.ok) return encoded
    const head = verifySnapshotHead(this.#primitives, encoded.value)
    if (!head.ok) return refuse("LEDGER_CORRUPT", `what etcd has in the place of a snapshot is none: ${head.message}`)
    this.#mark = { head: head.value, encoded: encoded.value, value }
    return ok(this.#mark)
  }

  /** What was found from an index on, with gaps. */
  #byIndex(pairs: readonly KeyValue[], first: number): readonly (StoredEntry | undefined)[] {
    const found: (StoredEntry | undefined)[] = []
    for (const { key, value } of pairs) {
      while (found.length <= MAX_SLICE_ENTRIES && !equalBytes(key, this.#keys.entry(first + found.length))) found.push(undefined)
      found.push(decodeStoredEntry(value))
    }
    return found
  }

  /** The hash of the head after `length` entries; `undefined` where etcd does not say it. */
  #hashAt(length: LedgerIndex, { block, entries, mark }: FoundBefore): Uint8Array | undefined {
    if (length === 0) return emptyHead().hash
    if (length === mark?.head.length) return mark.head.hash
    return entries[0]?.headHash ?? (mark !== undefined && length < mark.head.length ? hashInBlock(block, length - 1) : undefined)
  }

  #sliceOf(
    found: readonly (StoredEntry | undefined)[],
    before: Uint8Array,
    { end, from, prunedTo }: Asked,
  ): Result<LedgerSlice, ReadRefusal> {
    const offset = from === 0 ? 0 : 1
    const entries: Uint8Array[] = []
    let size = 0
    let isCut = false
    for (let index: number = from; index < end; index++) {
      const stored = found[index - from + offset]
      if (stored === undefined && index >= prunedTo)
        return refuse("LEDGER_CORRUPT", `etcd has no entry ${index}, or none that can be one, but its head counts it`)
      if (stored === undefined && entries.length === 0) return pruned(from, prunedTo)
      if (stored === undefined) break
      size += stored.entry.length
      isCut = entries.length > 0 && size > MAX_SLICE_BYTES
      if (isCut) break
      entries.push(stored.entry)
    }
    this.#readCount = Math.max(1, Math.min(MAX_SLICE_ENTRIES, isCut ? entries.length : 2 * this.#readCount))
    return ok({ from, before, entries })
  }
}

interface StoredEntry {
  readonly headHash: Uint8Array
  readonly entry: Uint8Array
}

interface FoundBefore {
  readonly mark: PrunedMark | undefined
  /** From the entry before on. */
  readonly entries: readonly (StoredEntry | undefined)[]
  readonly block: Uint8Array | undefined
}

/** Where the hash of the head after an entry is, once the entry was dropped. */
export function blockOf(index: number): number {
  return Math.floor(index / BLOCK_ENTRIES)
}

/** The head that a value of its key says; no value: of the empty log. */
export function headOf(value: Uint8Array | undefined): Result<LedgerHead, "LEDGER_CORRUPT"> {
  if (value === undefined) return ok(emptyHead())
  const head = decodeHead(value)
  return head.ok
    ? head
    : refuse("LEDGER_CORRUPT", `${head.message}; etcd has ${toHex(value.subarray(0, 16))}… there: is the prefix another program's?`)
}

function pruned(from: number, prunedTo: number): Refusal<"LEDGER_PRUNED"> {
  return refuse("LEDGER_PRUNED", `entry ${from} was dropped from etcd, which has a snapshot at ${prunedTo}; start from that`)
}
