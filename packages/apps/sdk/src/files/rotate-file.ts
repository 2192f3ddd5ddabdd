import type { Stats } from "node:fs"
import { chmod, realpath, stat } from "node:fs/promises"
import { equalBytes, KeygroveError, unwrap } from "@keygrove/base"
import { STREAM_SEALED_CHUNK_BYTES } from "@keygrove/crypto"
import { isSameNode, type NodeReference } from "@keygrove/hierarchy"
import { deriveFileKey, encodeFileHeader, sealChunkKey, type Label } from "@keygrove/reencryption"
import { createAtomicFile, openInputFile } from "@keygrove/system"
import { batches, writeAll, type FileProgress } from "./batches.ts"
import { IterableSource, type ByteSource } from "./byte-source.ts"
import { chunkKeyOf, decryptSource, type FileKeySource } from "./decrypt-stream.ts"
import { encryptSource, type EncryptionLabel } from "./encrypt-stream.ts"
import type { FileTools } from "./file-tools.ts"
import { readHeaderFrom, type ReadHeader } from "./read-header.ts"
import { wholeSource } from "./whole-source.ts"

export interface RotationOptions {
  readonly fileKey: FileKeySource
  /** This node, and what it was below roots that were replaced. */
  readonly selves: readonly NodeReference[]
  /** The key under which a label of this node is encrypted now. */
  currentLabel(label: Label): Promise<EncryptionLabel>
  /** Whether the content is encrypted anew, rather than given a new header only. */
  readonly reencrypt?: boolean
  readonly signal: AbortSignal
  readonly onProgress?: (progress: FileProgress) => void
}

/** What became of a file: `current` needed nothing, `foreign` belongs to another node and was left as it is. */
export interface Rotation {
  readonly state: "rotated" | "current" | "foreign"
  readonly label: Label
  readonly owner: NodeReference
  /** The epoch of the label key before, and that of the one now. */
  readonly from: number
  readonly to: number
}

/**
 * Brings a `.kg` file of this node under the current key of its label. The new header wraps the key of the chunks, which stay as they are; with `reencrypt` they are made anew, so that whoever kept
 * that key has nothing. The file is replaced when the new one is complete and on the disk: it is the old one or the new one, whatever happens, and rotating it again is fine. Its mode
 * stays; a link to it is followed.
 * @throws KeygroveError those of `decryptFile` and `encryptFile`.
 */
export async function rotateFile(tools: FileTools, path: string, options: RotationOptions): Promise<Rotation> {
  const { signal } = options
  signal.throwIfAborted()
  const target = await realpath(path).catch(() => path)
  await using input = await openInputFile(target)
  const before = await stat(target)
  const source = wholeSource(input, path)
  const { header, headerDigest } = await readHeaderFrom(tools.primitives, source)
  const { epoch: from, owner } = header
  if (!options.selves.some((self) => isSameNode(owner, self))) return { state: "foreign", label: header.label, owner, from, to: from }
  const label = await options.currentLabel(header.label)
  const facts = { label: header.label, owner, from, to: label.epoch }
  const isAsWished = options.reencrypt !== true || header.isRewrapped === undefined
  if (equalBytes(header.labelKey, label.labelKey) && isAsWished) return { state: "current", ...facts }
  await using file = await createAtomicFile(target, { overwrite: true })
  const work = { header, headerDigest, label, options }
  await writeAll(options.reencrypt === true ? encryptedAnew(tools, target, work) : rewrapped(tools, source, work), file)
  signal.throwIfAborted()
  await refuseChanged(target, before)
  await file.commit()
  await chmod(target, before.mode & 0o777)
  return { state: "rotated", ...facts }
}

interface RotationWork extends ReadHeader {
  readonly label: EncryptionLabel
  readonly options: Pick<RotationOptions, "fileKey" | "signal" | "onProgress">
}

/** A new header, the chunks' key under it, and the chunks as they are. The source is at the end of the old header. */
export async function* rewrapped(
  { encapsulate, primitives }: FileTools,
  source: ByteSource,
  { header, headerDigest, label, options }: RotationWork,
): AsyncGenerator<Uint8Array, void, undefined> {
  const { onProgress, signal } = options
  using oldKey = await options.fileKey(header, headerDigest, { signal })
  using chunkKey = await chunkKeyOf(primitives, source, header, oldKey)
  const { epoch, labelKey, owner } = label
  const { capsule, keySeed } = unwrap(encapsulate(labelKey))
  using seed = keySeed
  const { suite } = header
  const encoded = encodeFileHeader({ suite, owner, label: header.label, epoch, labelKey, capsule, isRewrapped: true })
  using fileKey = deriveFileKey(primitives, seed, primitives.sha256(encoded))
  yield encoded
  yield sealChunkKey(primitives, suite, fileKey, chunkKey)
  let bytes = 0
  const copy = {
    inputBytes: STREAM_SEALED_CHUNK_BYTES,
    outputBytes: STREAM_SEALED_CHUNK_BYTES,
    run: (chunk: Uint8Array, target: Uint8Array): number => {
      target.set(chunk)
      bytes += chunk.length
      return chunk.length
    },
  }
  for await (const block of batches(source, copy, { signal, reuse: true })) {
    onProgress?.({ bytes })
    yield block
  }
}

/** The content under a new key, in the suite that it had. */
async function* encryptedAnew(
  tools: FileTools,
  path: string,
  { header, label, options }: RotationWork,
): AsyncGenerator<Uint8Array, void, undefined> {
  const { fileKey, onProgress, signal } = options
  await using input = await openInputFile(path)
  const plain = decryptSource(tools.primitives, wholeSource(input, path), { fileKey, signal, reuse: false })
  await using source = new IterableSource(plain, signal)
  const progress = onProgress === undefined ? {} : { onProgress }
  yield* encryptSource(tools, source, { ...label, suite: header.suite, signal, reuse: true, ...progress })
}

/** Somebody else's new content must not be lost under the old one's. */
async function refuseChanged(path: string, before: Stats): Promise<void> {
  const now = await stat(path).catch(() => undefined)
  if (now?.ino === before.ino && now.size === before.size && now.mtimeMs === before.mtimeMs) return
  throw new KeygroveError(
    "FILE_CHANGED",
    `${path} was changed while it was rotated, and left as it is; run it again when nothing writes to it`,
  )
}
