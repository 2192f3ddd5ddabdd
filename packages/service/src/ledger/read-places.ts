import { ok, refuse, type Result } from "@keygrove/base"
import { MAX_SLICE_ENTRIES, type LedgerIndex } from "@keygrove/ledger"
import type { CallOptions } from "../ports/call-options.ts"
import type { LedgerEngine, ReadRefusal } from "../ports/ledger-engine.ts"

/** The entries at some places of a log, in ascending order, read a slice at a time. All of them, or a refusal. */
export async function readPlaces(
  log: Pick<LedgerEngine, "read">,
  places: readonly LedgerIndex[],
  options: CallOptions,
): Promise<Result<readonly Uint8Array[], ReadRefusal>> {
  const entries: Uint8Array[] = []
  for (let start = places[0]; start !== undefined; start = places[entries.length]) {
    options.signal.throwIfAborted()
    const first = start
    const wanted = places.slice(entries.length, entries.length + MAX_SLICE_ENTRIES).filter((place) => place < first + MAX_SLICE_ENTRIES)
    const slice = await log.read(first, (wanted.at(-1) ?? first) - first + 1, options)
    if (!slice.ok) return slice
    const taken = wanted.flatMap((place) => slice.value.entries[place - slice.value.from] ?? [])
    if (taken.length === 0) return refuse("LEDGER_CORRUPT", `the ledger's engine does not give entry ${first} any more`)
    entries.push(...taken)
  }
  return ok(entries)
}
