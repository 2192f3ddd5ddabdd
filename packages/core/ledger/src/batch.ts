import { ok, refuse, type Result } from "@keygrove/base"
import type { Primitives } from "@keygrove/crypto"
import { verifyEntry } from "./entry.ts"
import { nextHead, type LedgerHead } from "./head.ts"
import { MAX_BATCH_BYTES, MAX_BATCH_ENTRIES, MAX_LEDGER_ENTRIES } from "./limits.ts"
import { isRemoval } from "./statement.ts"

/** The head after each entry of a checked batch, in order; the last one is the new head. */
export type BatchHeads = readonly LedgerHead[]

/** What every engine checks before it appends: sizes, each entry's form and signature, and room, which removals never need. */
export function checkBatch(
  primitives: Pick<Primitives, "sha256" | "ed25519">,
  head: LedgerHead,
  batch: readonly Uint8Array[],
): Result<BatchHeads, "LEDGER_ENTRY_INVALID" | "LEDGER_FULL"> {
  if (batch.length < 1 || batch.length > MAX_BATCH_ENTRIES) {
    return refuse("LEDGER_ENTRY_INVALID", `batch has ${batch.length} entries; 1 to ${MAX_BATCH_ENTRIES} are allowed`)
  }
  const size = batch.reduce((sum, bytes) => sum + bytes.length, 0)
  if (size > MAX_BATCH_BYTES) return refuse("LEDGER_ENTRY_INVALID", `batch has ${size} bytes; at most ${MAX_BATCH_BYTES} are allowed`)
  const heads: LedgerHead[] = []
  for (const [position, bytes] of batch.entries()) {
    const entry = verifyEntry(primitives, bytes)
    if (!entry.ok) return refuse("LEDGER_ENTRY_INVALID", `entry ${position} of the batch: ${entry.message}`)
    const before = heads.at(-1) ?? head
    if (before.length >= MAX_LEDGER_ENTRIES && !isRemoval(entry.value.kind)) {
      return refuse("LEDGER_FULL", `the ledger has ${before.length} entries; beyond ${MAX_LEDGER_ENTRIES} it takes only removals`)
    }
    heads.push(nextHead(primitives, before, bytes))
  }
  return ok(heads)
}
