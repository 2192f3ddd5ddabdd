import { setTimeout as sleep } from "node:timers/promises"
import type { Result } from "@keygrove/base"

/** Tries against another process's lock, 50 ms apart; with SQLite's own 100 ms each that is at most 3 s. */
const MAX_TRIES = 20
const PAUSE_MS = 50

/** Repeats `work` while another process holds the database's lock. */
export async function whileBusy<T, Code extends string>(
  signal: AbortSignal,
  work: () => Result<T, Code | "DATABASE_BUSY">,
): Promise<Result<T, Code | "DATABASE_BUSY">> {
  for (let attempt = 1; ; attempt++) {
    signal.throwIfAborted()
    const result = work()
    if (result.ok || result.code !== "DATABASE_BUSY" || attempt >= MAX_TRIES) return result
    await sleep(PAUSE_MS, undefined, { signal })
  }
}
