import type { CallOptions } from "./call-options.ts"
import type { Clock } from "./clock.ts"

/** How long nothing is under way on the lines of an identity that was left before they end, and how long they last in any case. */
export const LEFT_IDLE_MS = 5_000
export const LEFT_MAX_MS = 60_000

/** Counts what is under way on the lines of one identity, in both directions. */
export class LineActivity {
  #underWay = 0
  #events = 0

  /** How many requests are under way. */
  get underWay(): number {
    return this.#underWay
  }

  /** Grows whenever a request begins or ends. */
  get events(): number {
    return this.#events
  }

  /** A request is under way until what is returned is disposed of, once. */
  track(): Disposable {
    this.#underWay++
    this.#events++
    return {
      [Symbol.dispose]: () => {
        this.#underWay--
        this.#events++
      },
    }
  }
}

/** Resolves when the lines of an identity that was left are to end: nothing happened on them for {@link LEFT_IDLE_MS}, or {@link LEFT_MAX_MS} are over. */
export async function untilLeft(activity: LineActivity, clock: Pick<Clock, "sleep">, options: CallOptions): Promise<void> {
  for (let passedMs = 0; passedMs < LEFT_MAX_MS; passedMs += LEFT_IDLE_MS) {
    const before = activity.events
    await clock.sleep(LEFT_IDLE_MS, options)
    if (activity.underWay === 0 && activity.events === before) return
  }
}
