import {
  brandShape,
  bytesShape,
  concatBytes,
  decodeShape,
  encodeCanonical,
  equalBytes,
  ok,
  refuse,
  utf8,
  type Result,
} from "@keygrove/base"
import { decodeSuite, STREAM_CHUNK_BYTES, type SuiteName } from "@keygrove/crypto"
import { compressedPointShape, decodeClusterId, decodeEpoch, decodeNodePath, type Epoch, type NodeReference } from "@keygrove/hierarchy"
import * as v from "valibot"
import { decodeLabel, type Label } from "./label.ts"

/** What a `.kg` file says about itself in plain; all of it is bound to the file key (docs/protocol/file-format.md). */
export interface FileHeader {
  readonly suite: SuiteName
  /** The node that encrypted, whose label key it is. */
  readonly owner: NodeReference
  readonly label: Label
  /** Epoch of the owner that the label key belongs to. */
  readonly epoch: Epoch
  /** The label's secp256k1 public key, 33 bytes. */
  readonly labelKey: Uint8Array
  /** Umbral capsule that yields the file key, 105 bytes; its content is checked where it is opened. */
  readonly capsule: Uint8Array
  /** Whether the header was put on later (format version 2): the chunks are under a key of their own, which follows the header, sealed under the file key (`sealChunkKey`). */
  readonly isRewrapped?: true
}

/** Bytes before the header: magic (9), version (1), header length (u32, big-endian). */
export const FILE_PREFIX_BYTES = 14
/** Longest header in bytes, without the prefix. */
export const MAX_FILE_HEADER_BYTES = 4_096

const MAGIC = utf8("keygrove\n")
/** The chunks are under the file key; and under a key that is sealed under the file key. */
const DIRECT_VERSION = 1
const REWRAPPED_VERSION = 2
const CAPSULE_BYTES = 105

const shape = v.strictObject({
  suite: v.string(),
  owner: v.strictObject({ cluster: brandShape(decodeClusterId), path: brandShape(decodeNodePath) }),
  label: brandShape(decodeLabel),
  epoch: brandShape(decodeEpoch),
  labelKey: compressedPointShape(),
  capsule: bytesShape(CAPSULE_BYTES),
  chunk: v.literal(STREAM_CHUNK_BYTES),
})

/** The beginning of a `.kg` file: prefix and header. Its SHA-256 is the header digest that {@link deriveFileKey} binds. */
export function encodeFileHeader(header: FileHeader): Uint8Array {
  const { suite, owner, label, epoch, labelKey, capsule } = header
  const body = encodeCanonical({
    suite,
    owner: { cluster: owner.cluster, path: owner.path },
    label,
    epoch,
    labelKey,
    capsule,
    chunk: STREAM_CHUNK_BYTES,
  })
  if (body.length > MAX_FILE_HEADER_BYTES) throw new RangeError(`file header has ${body.length} bytes, at most ${MAX_FILE_HEADER_BYTES}`)
  const prefix = new Uint8Array(FILE_PREFIX_BYTES)
  prefix.set(MAGIC)
  prefix[MAGIC.length] = header.isRewrapped === true ? REWRAPPED_VERSION : DIRECT_VERSION
  new DataView(prefix.buffer).setUint32(MAGIC.length + 1, body.length)
  return concatBytes(prefix, body)
}

export type FilePrefixRefusal = "FILE_NOT_KEYGROVE" | "FILE_VERSION" | "FILE_HEADER_INVALID" | "FILE_TRUNCATED"

/**
 * Reads the first {@link FILE_PREFIX_BYTES} of a file, or all of a shorter one.
 * @returns the length of the header that follows.
 */
export function decodeFilePrefix(bytes: Uint8Array): Result<number, FilePrefixRefusal> {
  const magic = bytes.subarray(0, MAGIC.length)
  if (bytes.length === 0 || !equalBytes(magic, MAGIC.subarray(0, magic.length))) {
    return refuse("FILE_NOT_KEYGROVE", "this is not a Keygrove file; check that you meant this one")
  }
  if (bytes.length < FILE_PREFIX_BYTES) return truncated(bytes.length)
  const version = bytes[MAGIC.length] ?? 0
  if (version !== DIRECT_VERSION && version !== REWRAPPED_VERSION)
    return refuse("FILE_VERSION", `the file has format version ${version}, this program reads versions 1 and 2; update Keygrove`, {
      version,
    })
  const length = new DataView(bytes.buffer, bytes.byteOffset).getUint32(MAGIC.length + 1)
  if (length > 0 && length <= MAX_FILE_HEADER_BYTES) return ok(length)
  return refuse(
    "FILE_HEADER_INVALID",
    `the file's header would have ${length} bytes, 1 to ${MAX_FILE_HEADER_BYTES} are possible; fetch the file again`,
  )
}

export type FileHeaderRefusal = FilePrefixRefusal | "SUITE_UNKNOWN"

/** Strict inverse of {@link encodeFileHeader}: `bytes` are exactly the prefix and the header. */
export function decodeFileHeader(bytes: Uint8Array): Result<FileHeader, FileHeaderRefusal> {
  const length = decodeFilePrefix(bytes.subarray(0, FILE_PREFIX_BYTES))
  if (!length.ok) return length
  const body = bytes.subarray(FILE_PREFIX_BYTES)
  if (body.length < length.value) return truncated(bytes.length)
  if (body.length > length.value)
    return refuse("FILE_HEADER_INVALID", `the header has ${body.length} bytes, its length field says ${length.value}`)
  const decoded = decodeShape(body, { shape, maxBytes: MAX_FILE_HEADER_BYTES, code: "FILE_HEADER_INVALID", noun: "file header" })
  if (!decoded.ok) return decoded
  const suite = decodeSuite(decoded.value.suite)
  if (!suite.ok) return suite
  const { owner, label, epoch, labelKey, capsule } = decoded.value
  const isRewrapped = bytes[MAGIC.length] === REWRAPPED_VERSION
  return ok({ suite: suite.value, owner, label, epoch, labelKey, capsule, ...(isRewrapped ? { isRewrapped } : {}) })
}

function truncated(length: number): Result<never, "FILE_TRUNCATED"> {
  return refuse("FILE_TRUNCATED", `the file ends after ${length} bytes, inside its header; fetch it again`)
}
