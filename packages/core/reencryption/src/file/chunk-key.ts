import { ok, Secret, type Result } from "@keygrove/base"
import { AEAD_KEY_BYTES, AEAD_TAG_BYTES, type Primitives, type SuiteName } from "@keygrove/crypto"

/** Bytes between a header of format version 2 and its chunks: the chunks' key and its tag. */
export const SEALED_CHUNK_KEY_BYTES: number = AEAD_KEY_BYTES + AEAD_TAG_BYTES

/**
 * Seals the key of a file's chunks under the file key of a new header, in the suite of the file. The nonce is zero: a file key of version 2 seals this one message. It is bound to the
 * header because the file key is. Both keys are borrowed.
 * @returns 48 bytes.
 */
export function sealChunkKey(primitives: Pick<Primitives, "aead">, suite: SuiteName, fileKey: Secret, chunkKey: Secret): Uint8Array {
  const aead = primitives.aead(suite)
  return chunkKey.expose((bytes) => aead.seal(fileKey, new Uint8Array(aead.nonceBytes), bytes))
}

/** Strict inverse of {@link sealChunkKey}; the chunks' key is the caller's. */
export function openChunkKey(
  primitives: Pick<Primitives, "aead">,
  suite: SuiteName,
  fileKey: Secret,
  sealed: Uint8Array,
): Result<Secret, "AEAD_FAILED"> {
  const aead = primitives.aead(suite)
  const opened = aead.open(fileKey, new Uint8Array(aead.nonceBytes), sealed)
  return opened.ok ? ok(Secret.take(opened.value)) : opened
}
