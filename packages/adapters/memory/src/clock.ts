import { unwrap } from "@keygrove/base"
import { decodeTimestamp, type Timestamp } from "@keygrove/hierarchy"
import { assertSleep, type CallOptions, type Clock } from "@keygrove/service"

interface Sleeper {
  readonly wakesAt: number
  readonly wake: () => void
}

/** A clock that stands still until {@link SimulatedClock.advance} moves it. Sleepers wake in the order of their times, then of their calls. */
export class SimulatedClock implements Clock {
  #now: number
  #sleepers: Sleeper[] = []

  /** Starts at 2026-01-01 unless told otherwise. */
  constructor(startMs: number = 1_767_225_600_000) {
    this.#now = startMs
  }

  now(): Timestamp {
    return unwrap(decodeTimestamp(this.#now))
  }

  /** How many are asleep now. */
  get sleeping(): number {
    return this.#sleepers.length
  }

  async sleep(durationMs: number, { signal }: CallOptions): Promise<void> {
    assertSleep(durationMs)
    signal.throwIfAborted()
    const { promise, resolve } = Promise.withResolvers<void>()
    const sleeper = { wakesAt: this.#now + durationMs, wake: resolve }
    this.#sleepers.push(sleeper)
    const onAbort = (): void => resolve()
    signal.addEventListener("abort", onAbort, { once: true })
    await promise
    signal.removeEventListener("abort", onAbort)
    this.#sleepers = this.#sleepers.filter((other) => other !== sleeper)
    signal.throwIfAborted()
  }

  /**
   * Moves time on, waking each sleeper at its own time and letting it run before the next. `quiet` resolves when whoever was woken has done what it does now; unless given, that is
   * all that needs no I/O.
   */
  async advance(durationMs: number, quiet: () => Promise<void> = settled): Promise<void> {
    const end = this.#now + durationMs
    for (;;) {
      const next = this.#sleepers.toSorted((a, b) => a.wakesAt - b.wakesAt)[0]
      if (next === undefined || next.wakesAt > end) break
      this.#now = Math.max(this.#now, next.wakesAt)
      this.#sleepers = this.#sleepers.filter((other) => other !== next)
      next.wake()
      await quiet()
    }
    this.#now = end
    await quiet()
  }
}

/** After all microtasks that are queued now, and those they queue. */
async function settled(): Promise<void> {
  await new Promise<void>((resolve) => setImmediate(resolve))
}
