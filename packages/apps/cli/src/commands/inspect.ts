import { createHash } from "node:crypto"
import { toHex } from "@keygrove/base"
import { AEAD_TAG_BYTES, STREAM_SEALED_CHUNK_BYTES } from "@keygrove/crypto"
import { encodeFileHeader, SEALED_CHUNK_KEY_BYTES, type FileHeader } from "@keygrove/reencryption"
import { inspectFile } from "keygrove"
import type { CommandContext, CommandInput, CommandOutcome } from "../command.ts"
import { required } from "../options.ts"
import { sizeOf } from "../progress.ts"
import { byteCount, fields } from "../text.ts"

/** `inspect FILE`: what the header says. Only whoever opens the file knows whether it is true. */
export async function run(input: CommandInput, context: CommandContext): Promise<CommandOutcome> {
  const file = required(input.operands[0], "FILE")
  const { header } = await inspectFile({ sha256 }, file === "-" ? context.stdin : file, { signal: context.signal })
  const size = sizeOf(file)
  const bytes = size === undefined ? null : contentBytes(size, header)
  const { label, suite, owner, epoch } = header
  const isRotated = header.isRewrapped === true
  const labelKey = toHex(header.labelKey)
  const rows: readonly (readonly [string, string])[] = [
    ["label", label],
    ["cipher", suite],
    ["owner", `${owner.path} of cluster ${owner.cluster}`],
    ["epoch", String(epoch)],
    ["label key", labelKey],
    ...(isRotated ? [["rotated", "the header is newer than the content and its key"] as const] : []),
    ["content", bytes === null ? "unknown length" : byteCount(bytes)],
  ]
  const json = { label, cipher: suite, owner: { cluster: owner.cluster, path: owner.path }, epoch, labelKey, rotated: isRotated, bytes }
  return { json, text: fields(rows) }
}

/** Bytes of content in a file of `size` bytes: each chunk carries a tag. */
function contentBytes(size: number, header: FileHeader): number {
  const sealed = size - encodeFileHeader(header).length - (header.isRewrapped === true ? SEALED_CHUNK_KEY_BYTES : 0)
  return Math.max(0, sealed - Math.ceil(sealed / STREAM_SEALED_CHUNK_BYTES) * AEAD_TAG_BYTES)
}

function sha256(...parts: readonly Uint8Array[]): Uint8Array {
  const hash = createHash("sha256")
  for (const part of parts) hash.update(part)
  return hash.digest()
}
