import { backup, DatabaseSync } from "node:sqlite"
import { ok, refuse, unwrap, type Result } from "@keygrove/base"
import { nativePrimitives } from "@keygrove/curves-native"
import { decodeLedgerIndex, emptyLedger, foldEntries, MAX_SLICE_ENTRIES, NodeHistory, type FoldedLedger } from "@keygrove/ledger"
import type { CallOptions } from "@keygrove/service"
import { EmbeddedLedgerEngine } from "@keygrove/sqlite"

/** A ledger that was verified from its first entry, and every node that was ever on it. */
export interface LedgerHistory {
  readonly ledger: FoldedLedger
  readonly nodes: NodeHistory
}

/** Copies a `ledger.db`, also one that a running node writes, into a new file. */
export async function copyLedger(from: string, to: string): Promise<Result<true, "RECOVERY_FILE_UNREADABLE">> {
  try {
    const source = new DatabaseSync(from, { readOnly: true })
    try {
      await backup(source, to)
    } finally {
      source.close()
    }
    return ok(true)
  } catch (error) {
    const why = error instanceof Error ? error.message : "unknown reason"
    return refuse(
      "RECOVERY_FILE_UNREADABLE",
      `the ledger ${from} cannot be read (${why}); give a ledger.db with --ledger-file, nothing was made`,
    )
  }
}

/** Reads a ledger file whole. */
export async function readHistory(path: string, call: CallOptions): Promise<Result<LedgerHistory>> {
  const opened = EmbeddedLedgerEngine.open({ path, primitives: nativePrimitives })
  if (!opened.ok) return opened
  await using engine = opened.value
  const nodes = new NodeHistory()
  let ledger = emptyLedger()
  for (;;) {
    const slice = await engine.read(ledger.head.length, MAX_SLICE_ENTRIES, call)
    if (!slice.ok) return slice
    if (slice.value.entries.length === 0) return ok({ ledger, nodes })
    for (const folded of foldEntries(nativePrimitives, ledger, slice.value.entries)) {
      if (!folded.ok) return folded
      ledger = folded.value.ledger
      nodes.record(folded.value.judged)
    }
  }
}

/** Single entries of a ledger file, encoded. */
export async function readEntries(path: string, indices: readonly number[], call: CallOptions): Promise<Result<readonly Uint8Array[]>> {
  const opened = EmbeddedLedgerEngine.open({ path, primitives: nativePrimitives })
  if (!opened.ok) return opened
  await using engine = opened.value
  const entries: Uint8Array[] = []
  for (const index of indices) {
    const slice = await engine.read(unwrap(decodeLedgerIndex(index)), 1, call)
    if (!slice.ok) return slice
    entries.push(...slice.value.entries)
  }
  return ok(entries)
}
