import type { Primitives } from "@keygrove/crypto"
import { decodeFileHeader, decodeFilePrefix, FILE_PREFIX_BYTES, type FileHeader } from "@keygrove/reencryption"
import { IterableSource, type ByteIterable, type ByteSource } from "./byte-source.ts"
import { thrown } from "./file-tools.ts"

/** A file's header and what binds it to the file's key. */
export interface ReadHeader {
  readonly header: FileHeader
  /** SHA-256 of prefix and header, 32 bytes. */
  readonly headerDigest: Uint8Array
}

/**
 * Reads the header of a `.kg` stream and ends the stream. Nothing in it is authenticated before the file is decrypted.
 * @throws KeygroveError `FILE_NOT_KEYGROVE`, `FILE_VERSION`, `FILE_HEADER_INVALID`, `SUITE_UNKNOWN`, `FILE_TRUNCATED`.
 */
export async function readHeader(
  primitives: Pick<Primitives, "sha256">,
  source: ByteIterable,
  { signal }: { readonly signal: AbortSignal },
): Promise<ReadHeader> {
  signal.throwIfAborted()
  await using bytes = new IterableSource(source, signal)
  return await readHeaderFrom(primitives, bytes)
}

/** Reads the header from a source and leaves the source at the first chunk. */
export async function readHeaderFrom(primitives: Pick<Primitives, "sha256">, source: ByteSource): Promise<ReadHeader> {
  const prefix = new Uint8Array(FILE_PREFIX_BYTES)
  const length = decodeFilePrefix(prefix.subarray(0, await source.read(prefix)))
  if (!length.ok) throw thrown(length)
  const bytes = new Uint8Array(FILE_PREFIX_BYTES + length.value)
  bytes.set(prefix)
  const read = await source.read(bytes.subarray(FILE_PREFIX_BYTES))
  const header = decodeFileHeader(bytes.subarray(0, FILE_PREFIX_BYTES + read))
  if (!header.ok) throw thrown(header)
  return { header: header.value, headerDigest: primitives.sha256(bytes) }
}
