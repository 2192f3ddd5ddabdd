import { setTimeout as sleep } from "node:timers/promises"
import { unwrap } from "@keygrove/base"
import { decodeTimestamp } from "@keygrove/hierarchy"
import { assertSleep, type Clock } from "@keygrove/service"

/** The machine's clock. */
export const systemClock: Clock = {
  now: () => unwrap(decodeTimestamp(Date.now())),
  sleep: async (durationMs, { signal }) => {
    assertSleep(durationMs)
    signal.throwIfAborted()
    try {
      await sleep(durationMs, undefined, { signal })
    } catch (error) {
      // Timers reject with an AbortError of their own; the port promises the signal's reason.
      signal.throwIfAborted()
      throw error
    }
  },
}
