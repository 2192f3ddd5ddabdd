import { existsSync } from "node:fs"
import { ok, unwrap, type Refusal, type Result } from "@keygrove/base"
import { nativePrimitives } from "@keygrove/curves-native"
import { isSameNode, type EpochKeys, type NodeReference } from "@keygrove/hierarchy"
import { decodeEntry, decodeLedgerIndex, MAX_SLICE_ENTRIES } from "@keygrove/ledger"
import type { CallOptions, LedgerEngine } from "@keygrove/service"
import { EmbeddedLedgerEngine } from "@keygrove/sqlite"

/** One generation of a node, by its anchor (32 bytes). */
export interface AnchoredNode extends NodeReference {
  readonly anchorKey: Uint8Array
}

/** The statement by which a node entered the epoch that it is in. */
export interface LastRekey {
  /** Encoded. */
  readonly entry: Uint8Array
  readonly keys: EpochKeys
}

/**
 * The last rekey of a generation in a ledger file that this node keeps and has verified; `undefined` when there is none. Looks from the end on, and only at entries with the anchor in them: at 100,000
 * of others it takes a fraction of what folding them does.
 */
export async function readLastRekey(path: string, node: AnchoredNode, call: CallOptions): Promise<Result<LastRekey | undefined>> {
  // Opening it would make it.
  if (!existsSync(path)) return ok(undefined)
  const opened = EmbeddedLedgerEngine.open({ path, primitives: nativePrimitives })
  if (!opened.ok) return opened
  await using engine = opened.value
  const { length } = await engine.head(call)
  for (let end: number = length; end > 0; end -= MAX_SLICE_ENTRIES) {
    const found = await lastBetween(engine, node, { from: Math.max(0, end - MAX_SLICE_ENTRIES), end }, call)
    if (!found.ok || found.value !== undefined) return found
  }
  return ok(undefined)
}

/** The last one of a few entries, which may come in several slices when they are long. */
async function lastBetween(
  engine: LedgerEngine,
  node: AnchoredNode,
  { end, from }: { readonly from: number; readonly end: number },
  call: CallOptions,
): Promise<Result<LastRekey | undefined>> {
  let last: LastRekey | undefined
  for (let position = from; position < end;) {
    const slice = await engine.read(unwrap(decodeLedgerIndex(position)), end - position, call)
    if (!slice.ok && slice.code === "LEDGER_PRUNED") {
      position = nextKept(slice, end)
      continue
    }
    if (!slice.ok) return slice
    const { entries } = slice.value
    if (entries.length === 0) break
    for (const entry of entries) {
      const keys = keysOf(entry, node)
      if (keys !== undefined) last = { entry, keys }
    }
    position += entries.length
  }
  return ok(last)
}

/** Where reading goes on in a file that was pruned, which keeps rekeys. */
function nextKept({ data }: Refusal, end: number): number {
  return typeof data?.next === "number" ? data.next : end
}

function keysOf(bytes: Uint8Array, node: AnchoredNode): EpochKeys | undefined {
  const anchor = Buffer.from(node.anchorKey)
  if (!Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).includes(anchor)) return undefined
  const entry = decodeEntry(bytes)
  if (!entry.ok || entry.value.statement?.kind !== "rekey" || !isSameNode(entry.value.author, node)) return undefined
  return anchor.equals(entry.value.author.key) ? entry.value.statement.body.keys : undefined
}
