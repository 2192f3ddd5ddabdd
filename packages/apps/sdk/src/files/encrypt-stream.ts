import { unwrap } from "@keygrove/base"
import { DEFAULT_SUITE, STREAM_CHUNK_BYTES, STREAM_SEALED_CHUNK_BYTES, StreamSealer, type SuiteName } from "@keygrove/crypto"
import type { Epoch, NodeReference } from "@keygrove/hierarchy"
import { deriveFileKey, encodeFileHeader, type Label } from "@keygrove/reencryption"
import { batches, type FileProgress } from "./batches.ts"
import { IterableSource, type ByteIterable, type ByteSource } from "./byte-source.ts"
import type { FileTools } from "./file-tools.ts"

/** Under which label of which node to encrypt. */
export interface EncryptionLabel {
  readonly owner: NodeReference
  readonly label: Label
  readonly epoch: Epoch
  /** The label's secp256k1 public key, 33 bytes. */
  readonly labelKey: Uint8Array
}

export interface EncryptOptions extends EncryptionLabel {
  /** `aes-256-gcm` by default. */
  readonly suite?: SuiteName
  readonly signal: AbortSignal
  readonly onProgress?: (progress: FileProgress) => void
}

/**
 * Encrypts a stream into a `.kg` file, in constant memory. Every block is the caller's. Nobody but the owner of the label, their parents
 * and readers they grant can open it.
 * @throws KeygroveError `POINT_INVALID` when the label key is not one; the source's own errors; the signal's reason.
 */
export async function* encryptStream(
  tools: FileTools,
  source: ByteIterable,
  options: EncryptOptions,
): AsyncGenerator<Uint8Array, void, undefined> {
  options.signal.throwIfAborted()
  await using bytes = new IterableSource(source, options.signal)
  yield* encryptSource(tools, bytes, { ...options, reuse: false })
}

/** {@link encryptStream} of a source; with `reuse`, a yielded block is overwritten two blocks later. */
export async function* encryptSource(
  tools: FileTools,
  source: ByteSource,
  options: EncryptOptions & { readonly reuse: boolean },
): AsyncGenerator<Uint8Array, void, undefined> {
  const { primitives } = tools
  const { suite = DEFAULT_SUITE, owner, label, epoch, labelKey, signal, reuse, onProgress } = options
  const { capsule, keySeed } = unwrap(tools.encapsulate(labelKey))
  using seed = keySeed
  const header = encodeFileHeader({ suite, owner, label, epoch, labelKey, capsule })
  using key = deriveFileKey(primitives, seed, primitives.sha256(header))
  seed[Symbol.dispose]()
  yield header
  const sealer = new StreamSealer(primitives.aead(suite), key)
  let bytes = 0
  const work = {
    inputBytes: STREAM_CHUNK_BYTES,
    outputBytes: STREAM_SEALED_CHUNK_BYTES,
    run: (chunk: Uint8Array, target: Uint8Array, last: boolean): number => {
      bytes += chunk.length
      return sealer.sealInto(target, chunk, last)
    },
  }
  for await (const block of batches(source, work, { signal, reuse })) {
    onProgress?.({ bytes })
    yield block
  }
}
