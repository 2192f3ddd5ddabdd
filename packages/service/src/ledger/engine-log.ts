import { KeygroveError } from "@keygrove/base"
import { advanceIndex, MAX_SLICE_ENTRIES, type LedgerIndex } from "@keygrove/ledger"
import type { LedgerEngine, LedgerSlice, WatchOptions } from "../ports/ledger-engine.ts"
import type { Wakeup } from "./wakeup.ts"

/** What {@link watchLog} follows. */
export interface WatchedLog {
  readonly engine: Pick<LedgerEngine, "read">
  /** Woken after each append. */
  readonly appended: Wakeup
  /** Entries after the last append; `undefined` before the first one of this engine. */
  readonly length: () => LedgerIndex | undefined
}

/** The `watch` of engines that keep a log of their own: reads to the end, then sleeps until the next append. */
export async function* watchLog(
  log: WatchedLog,
  from: LedgerIndex,
  { known, signal }: WatchOptions,
): AsyncGenerator<LedgerSlice, undefined> {
  let next = from
  while (!signal.aborted) {
    const seen = log.appended.count
    next = later(next, known?.())
    const length = log.length()
    if (length !== undefined && length <= next) {
      await log.appended.wait(signal, seen)
      continue
    }
    const slice = await log.engine.read(next, MAX_SLICE_ENTRIES, { signal })
    if (!slice.ok) throw new KeygroveError(slice.code, slice.message, slice.data === undefined ? {} : { data: slice.data })
    if (slice.value.entries.length === 0) {
      await log.appended.wait(signal, seen)
      continue
    }
    next = advanceIndex(next, slice.value.entries.length)
    yield slice.value
  }
}

function later(index: LedgerIndex, other: LedgerIndex = index): LedgerIndex {
  return other > index ? other : index
}
