import { KeygroveError, Secret, type Refusal } from "@keygrove/base"
import { STREAM_CHUNK_BYTES, STREAM_SEALED_CHUNK_BYTES, StreamOpener, type Primitives, type StreamRefusal } from "@keygrove/crypto"
import { openChunkKey, SEALED_CHUNK_KEY_BYTES, type FileHeader } from "@keygrove/reencryption"
import { batches, type FileProgress } from "./batches.ts"
import { IterableSource, type ByteIterable, type ByteSource } from "./byte-source.ts"
import { readHeaderFrom } from "./read-header.ts"

/** Finds the key of a file; the key belongs to whoever asked. Throws a KeygroveError when it cannot be had. */
export type FileKeySource = (header: FileHeader, headerDigest: Uint8Array, options: { readonly signal: AbortSignal }) => Promise<Secret>

export interface DecryptOptions {
  readonly fileKey: FileKeySource
  readonly signal: AbortSignal
  readonly onProgress?: (progress: FileProgress) => void
  /** Called with the header once it is read, before the key is asked for. */
  readonly onHeader?: (header: FileHeader) => void
}

/**
 * Decrypts a `.kg` stream, in constant memory. Every block is the caller's and was authenticated before it was yielded, but only the normal
 * end of the stream says that nothing is missing: on an error, what came before must be thrown away.
 * @throws KeygroveError `FILE_NOT_KEYGROVE`, `FILE_VERSION`, `FILE_HEADER_INVALID`, `SUITE_UNKNOWN`, `FILE_TRUNCATED`, `FILE_CORRUPT`,
 * `FILE_TRAILING`; what `fileKey` throws; the source's own errors; the signal's reason.
 */
export async function* decryptStream(
  primitives: Primitives,
  source: ByteIterable,
  options: DecryptOptions,
): AsyncGenerator<Uint8Array, void, undefined> {
  options.signal.throwIfAborted()
  await using bytes = new IterableSource(source, options.signal)
  yield* decryptSource(primitives, bytes, { ...options, reuse: false })
}

/** {@link decryptStream} of a source; with `reuse`, a yielded block is overwritten two blocks later. */
export async function* decryptSource(
  primitives: Primitives,
  source: ByteSource,
  options: DecryptOptions & { readonly reuse: boolean },
): AsyncGenerator<Uint8Array, void, undefined> {
  const { fileKey, signal, onProgress, onHeader, reuse } = options
  const { header, headerDigest } = await readHeaderFrom(primitives, source)
  onHeader?.(header)
  using headerKey = await fileKey(header, headerDigest, { signal })
  signal.throwIfAborted()
  using key = await chunkKeyOf(primitives, source, header, headerKey)
  const opener = new StreamOpener(primitives.aead(header.suite), key)
  let bytes = 0
  const work = {
    inputBytes: STREAM_SEALED_CHUNK_BYTES,
    outputBytes: STREAM_CHUNK_BYTES,
    run: (chunk: Uint8Array, target: Uint8Array, last: boolean): number => {
      const opened = opener.openInto(target, chunk, last)
      if (!opened.ok) throw fileError(opened)
      bytes += opened.value
      return opened.value
    },
  }
  for await (const block of batches(source, work, { signal, reuse })) {
    onProgress?.({ bytes })
    if (block.length > 0) yield block
  }
}

/** The key of the chunks, the caller's: that which the capsule yields, or the one that follows a header that was put on later. Leaves the source at the first chunk. */
export async function chunkKeyOf(primitives: Primitives, source: ByteSource, header: FileHeader, fileKey: Secret): Promise<Secret> {
  if (header.isRewrapped === undefined) return Secret.take(fileKey.expose((bytes) => Uint8Array.from(bytes)))
  const sealed = new Uint8Array(SEALED_CHUNK_KEY_BYTES)
  const length = await source.read(sealed)
  if (length < sealed.length)
    throw new KeygroveError(
      "FILE_TRUNCATED",
      `the file ends ${length} bytes after its header, inside the key of its chunks; fetch it again`,
    )
  const opened = openChunkKey(primitives, header.suite, fileKey, sealed)
  if (opened.ok) return opened.value
  throw new KeygroveError("FILE_CORRUPT", "the key that follows the file's header was changed, or is of another file; fetch the file again")
}

const FILE_CODES: Readonly<Record<StreamRefusal, string>> = {
  STREAM_CORRUPT: "FILE_CORRUPT",
  STREAM_TRAILING: "FILE_TRAILING",
  STREAM_TRUNCATED: "FILE_TRUNCATED",
}

function fileError(refusal: Refusal<StreamRefusal>): KeygroveError {
  return new KeygroveError(FILE_CODES[refusal.code], refusal.message, { data: refusal.data ?? {} })
}
