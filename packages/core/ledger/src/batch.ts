import { ok, refuse, type Result } from "@keygrove/base"
import type { Primitives } from "@keygrove/crypto"
import { verifyEntry } from "./entry.ts"
import { nextHead, type LedgerHead } from "./head.ts"
import { MAX_BATCH_BYTES, MAX_BATCH_ENTRIES, MAX_LEDGER_ENTRIES } from "./limits.ts"
import { isRemoval } from "./statement.ts"
import type { VerifiedEntry } from "./verify-entries.ts"

/** The head after each entry of a checked batch, in order; the last one is the new head. */
export type BatchHeads = readonly LedgerHead[]

/**
 * What every engine checks before it appends: sizes, each entry's form and signature, and room, which removals never need.
 * @param known what the caller has verified of the batch, see {@link verifyBatch}.
 */
export function checkBatch(
  primitives: Pick<Primitives, "sha256" | "ed25519">,
  head: LedgerHead,
  batch: readonly Uint8Array[],
  known: readonly VerifiedEntry[] = [],
): Result<BatchHeads, "LEDGER_ENTRY_INVALID" | "LEDGER_FULL"> {
  const verified = verifyBatch(primitives, batch, known)
  if (!verified.ok) return verified
  const heads: LedgerHead[] = []
  for (const { bytes, entry } of verified.value) {
    const before = heads.at(-1) ?? head
    if (before.length >= MAX_LEDGER_ENTRIES && !isRemoval(entry.kind)) {
      return refuse("LEDGER_FULL", `the ledger has ${before.length} entries; beyond ${MAX_LEDGER_ENTRIES} it takes only removals`)
    }
    heads.push(nextHead(primitives, before, bytes))
  }
  return ok(heads)
}

/**
 * Checks the sizes of a batch, and the form and signature of each of its entries.
 * @param known entries that were verified before, in their places: what has the very same bytes, the array itself, is not verified again.
 */
export function verifyBatch(
  primitives: Pick<Primitives, "ed25519">,
  batch: readonly Uint8Array[],
  known: readonly VerifiedEntry[] = [],
): Result<readonly VerifiedEntry[], "LEDGER_ENTRY_INVALID"> {
  if (batch.length < 1 || batch.length > MAX_BATCH_ENTRIES) {
    return refuse("LEDGER_ENTRY_INVALID", `batch has ${batch.length} entries; 1 to ${MAX_BATCH_ENTRIES} are allowed`)
  }
  const size = batch.reduce((sum, bytes) => sum + bytes.length, 0)
  if (size > MAX_BATCH_BYTES) return refuse("LEDGER_ENTRY_INVALID", `batch has ${size} bytes; at most ${MAX_BATCH_BYTES} are allowed`)
  const verified: VerifiedEntry[] = []
  for (const [position, bytes] of batch.entries()) {
    const before = known[position]
    const entry = before?.bytes === bytes ? ok(before.entry) : verifyEntry(primitives, bytes)
    if (!entry.ok) return refuse("LEDGER_ENTRY_INVALID", `entry ${position} of the batch: ${entry.message}`)
    verified.push({ bytes, entry: entry.value })
  }
  return ok(verified)
}
