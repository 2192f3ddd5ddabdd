import { brandShape, bytesShape, concatBytes, decodeShape, encodeCanonical, utf8, type Result } from "@keygrove/base"
import { decodeLedgerIndex, MAX_ENTRY_BYTES, type LedgerHead } from "@keygrove/ledger"
import { MAX_MOVED_TO_CHARACTERS } from "@keygrove/service"
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

/** The keys of one ledger. */
export class EtcdLogKeys {
  readonly head: Uint8Array
  /** Where the ledger goes on, once it was closed. */
  readonly moved: Uint8Array
  /** After all keys of entries. */
  readonly entriesEnd: Uint8Array
  readonly #entries: string

  /** @param prefix see `EtcdAddress.prefix` */
  constructor(prefix: string) {
    this.head = utf8(`${prefix}/head`)
    this.moved = utf8(`${prefix}/moved`)
    this.#entries = `${prefix}/entry`
    this.entriesEnd = utf8(`${this.#entries}0`)
  }

  entry(index: number): Uint8Array {
    return utf8(`${this.#entries}/${String(index).padStart(INDEX_DIGITS, "0")}`)
  }
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
