import {
  brandShape,
  bytesShape,
  bytesWithinShape,
  concatBytes,
  decodeShape,
  encodeCanonical,
  toHex,
  utf8,
  type Result,
} from "@keygrove/base"
import { decodeLedgerIndex, MAX_ENTRY_BYTES, MAX_SNAPSHOT_CHUNKS, MAX_SNAPSHOT_HEAD_BYTES, type LedgerHead } from "@keygrove/ledger"
import { MAX_MOVED_TO_CHARACTERS, type SnapshotName } from "@keygrove/service"
import * as v from "valibot"

// How a ledger lies in etcd (docs/protocol/ledger.md, "In etcd").

const VERSION = 1
const HASH_BYTES = 32
const MAX_HEAD_BYTES = 128
/** Digits of the greatest safe integer, so that keys are in the order of their indices. */
const INDEX_DIGITS = 16

const headShape = v.strictObject({ v: v.literal(VERSION), length: brandShape(decodeLedgerIndex), hash: bytesShape(HASH_BYTES) })

const MAX_MOVED_BYTES = 4 * MAX_MOVED_TO_CHARACTERS + 16
const movedShape = v.strictObject({
  v: v.literal(VERSION),
  to: v.pipe(v.string(), v.regex(/^[!-~]+$/), v.maxLength(MAX_MOVED_TO_CHARACTERS)),
})

const prunedShape = v.strictObject({
  v: v.literal(VERSION),
  snapshot: bytesWithinShape(1, MAX_SNAPSHOT_HEAD_BYTES),
})

/** Dropped entries whose heads are in one value: no more than one transaction drops, however they lie among those that are kept. */
export const BLOCK_ENTRIES = 128
/** Digits of the place of a snapshot's last part. */
const PLACE_DIGITS = String(MAX_SNAPSHOT_CHUNKS - 1).length

/** Keys from one on before another. */
export interface KeyRange {
  readonly key: Uint8Array
  readonly end: Uint8Array
}

/** The keys of one ledger. */
export class EtcdLogKeys {
  readonly head: Uint8Array
  /** Where the ledger goes on, once it was closed. */
  readonly moved: Uint8Array
  /** The snapshot before which entries may be dropped. */
  readonly pruned: Uint8Array
  /** How far they are dropped, as the head of the log there. */
  readonly dropped: Uint8Array
  /** Who is about to write {@link pruned}. */
  readonly pruning: Uint8Array
  /** After all keys of entries. */
  readonly entriesEnd: Uint8Array
  readonly #entries: string
  readonly #prefix: string

  /** @param prefix see `EtcdAddress.prefix` */
  constructor(prefix: string) {
    this.head = utf8(`${prefix}/head`)
    this.moved = utf8(`${prefix}/moved`)
    this.pruned = utf8(`${prefix}/pruned`)
    this.dropped = utf8(`${prefix}/dropped`)
    this.pruning = utf8(`${prefix}/pruning`)
    this.#prefix = prefix
    this.#entries = `${prefix}/entry`
    this.entriesEnd = utf8(`${this.#entries}0`)
  }

  entry(index: number): Uint8Array {
    return utf8(`${this.#entries}/${digits(index)}`)
  }

  /** Where the hashes of the heads are after the entries from `block` times {@link BLOCK_ENTRIES} on. */
  heads(block: number): Uint8Array {
    return utf8(`${this.#prefix}/heads/${digits(block)}`)
  }

  part(name: SnapshotName, place: number): Uint8Array {
    return utf8(`${this.#snapshot(name)}/${String(place).padStart(PLACE_DIGITS, "0")}`)
  }

  /** All parts of snapshots but those of some. */
  partsBut(...names: readonly SnapshotName[]): readonly KeyRange[] {
    const kept = [...new Set(names.map((name) => this.#snapshot(name)))].toSorted()
    const begins = [`${this.#prefix}/snapshot/`, ...kept.map((name) => `${name}0`)]
    const ends = [...kept.map((name) => `${name}/`), `${this.#prefix}/snapshot0`]
    return begins.map((begin, place) => ({ key: utf8(begin), end: utf8(ends[place] ?? begin) }))
  }

  #snapshot({ digest, length }: SnapshotName): string {
    return `${this.#prefix}/snapshot/${digits(length)}-${toHex(digest)}`
  }
}

function digits(index: number): string {
  return String(index).padStart(INDEX_DIGITS, "0")
}

/** Canonical CBOR of a head. */
export function encodeHead({ hash, length }: LedgerHead): Uint8Array {
  return encodeCanonical({ v: VERSION, length, hash })
}

/** Strict inverse of {@link encodeHead}. */
export function decodeHead(bytes: Uint8Array): Result<LedgerHead, "LEDGER_CORRUPT"> {
  const decoded = decodeShape(bytes, { shape: headShape, maxBytes: MAX_HEAD_BYTES, code: "LEDGER_CORRUPT", noun: "head of the ledger" })
  return decoded.ok ? { ok: true, value: { length: decoded.value.length, hash: decoded.value.hash } } : decoded
}

/** Canonical CBOR of where a ledger goes on. */
export function encodeMoved(target: string): Uint8Array {
  return encodeCanonical({ v: VERSION, to: target })
}

/** Strict inverse of {@link encodeMoved}. */
export function decodeMoved(bytes: Uint8Array): Result<string, "LEDGER_CORRUPT"> {
  const decoded = decodeShape(bytes, {
    shape: movedShape,
    maxBytes: MAX_MOVED_BYTES,
    code: "LEDGER_CORRUPT",
    noun: "place where the ledger goes on",
  })
  return decoded.ok ? { ok: true, value: decoded.value.to } : decoded
}

/** Canonical CBOR of the signed head of the snapshot before which entries may be dropped. */
export function encodePruned(snapshot: Uint8Array): Uint8Array {
  return encodeCanonical({ v: VERSION, snapshot })
}

/** Strict inverse of {@link encodePruned}. */
export function decodePruned(bytes: Uint8Array): Result<Uint8Array, "LEDGER_CORRUPT"> {
  const decoded = decodeShape(bytes, {
    shape: prunedShape,
    maxBytes: MAX_SNAPSHOT_HEAD_BYTES + 32,
    code: "LEDGER_CORRUPT",
    noun: "snapshot before which the ledger was pruned",
  })
  return decoded.ok ? { ok: true, value: decoded.value.snapshot } : decoded
}

/** The head's hash after an entry, as the value of its block has it; `undefined` where it is not there. */
export function hashInBlock(value: Uint8Array | undefined, index: number): Uint8Array | undefined {
  const start = (index % BLOCK_ENTRIES) * HASH_BYTES
  return value === undefined || value.length < start + HASH_BYTES ? undefined : value.slice(start, start + HASH_BYTES)
}

/** The value of an entry's key: the hash of the head after it, then the entry. */
export function encodeStoredEntry(headHash: Uint8Array, entry: Uint8Array): Uint8Array {
  return concatBytes(headHash, entry)
}

/** Strict inverse of {@link encodeStoredEntry}, as far as sizes go; `undefined` when it is none. What it says is for the reader to verify. */
export function decodeStoredEntry(value: Uint8Array): { readonly headHash: Uint8Array; readonly entry: Uint8Array } | undefined {
  if (value.length <= HASH_BYTES || value.length > HASH_BYTES + MAX_ENTRY_BYTES) return undefined
  // Copies of their own: the answer that they are part of holds many.
  return { headHash: value.slice(0, HASH_BYTES), entry: value.slice(HASH_BYTES) }
}
