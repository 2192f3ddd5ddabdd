import { toHex, unwrap } from "@keygrove/base"
import { STREAM_SEALED_CHUNK_BYTES } from "@keygrove/crypto"
import { decodeFileHeader, decodeFilePrefix, FILE_PREFIX_BYTES, MAX_FILE_HEADER_BYTES } from "@keygrove/reencryption"
import type { CommandContext, CommandInput, CommandOutcome } from "../command.ts"
import { openInput } from "../file-streams.ts"
import { required } from "../options.ts"
import { byteCount, fields } from "../text.ts"

const TAG_BYTES = 16

/** `inspect FILE`: what the header says. Only whoever can open the file knows whether it is true. */
export async function run(input: CommandInput, context: CommandContext): Promise<CommandOutcome> {
  const file = required(input.operands[0], "FILE")
  const { stream, size } = await openInput(file, context.stdin)
  const start = await readStart(stream, context.signal)
  const headerLength = unwrap(decodeFilePrefix(start.subarray(0, FILE_PREFIX_BYTES)))
  const header = unwrap(decodeFileHeader(start.subarray(0, FILE_PREFIX_BYTES + headerLength)))
  const bytes = size === undefined ? null : plainLength(size - FILE_PREFIX_BYTES - headerLength)
  const json = {
    label: header.label,
    cipher: header.suite,
    owner: { cluster: header.owner.cluster, path: header.owner.path },
    epoch: header.epoch,
    labelKey: toHex(header.labelKey),
    bytes,
  }
  const rows: [string, string][] = [
    ["label", header.label],
    ["cipher", header.suite],
    ["owner", `${header.owner.path} of cluster ${header.owner.cluster}`],
    ["epoch", String(header.epoch)],
    ["label key", json.labelKey],
    ["content", bytes === null ? "unknown length" : byteCount(bytes)],
  ]
  return { json, text: fields(rows) }
}

/** Bytes of content in `sealed` bytes of chunks, each of which carries a tag. */
function plainLength(sealed: number): number {
  return Math.max(0, sealed - Math.ceil(sealed / STREAM_SEALED_CHUNK_BYTES) * TAG_BYTES)
}

async function readStart(stream: AsyncIterable<unknown>, signal: AbortSignal): Promise<Uint8Array> {
  const chunks: Uint8Array[] = []
  const state = { length: 0 }
  for await (const chunk of stream) {
    signal.throwIfAborted()
    if (!(chunk instanceof Uint8Array)) continue
    chunks.push(chunk)
    state.length += chunk.length
    if (state.length >= FILE_PREFIX_BYTES + MAX_FILE_HEADER_BYTES) break
  }
  return Buffer.concat(chunks).subarray(0, FILE_PREFIX_BYTES + MAX_FILE_HEADER_BYTES)
}
